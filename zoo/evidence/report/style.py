"""How the page looks: light or dark as the reader's system has it, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5d6670; --line: #d9dee3; --ground: #fff; --loud: #fdf3ec;
  --good: #00694d; --bad: #a84300; --ours: #0072b2; --printed: #d55e00; --panel: #f5f7f9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #a0a9b2; --line: #3a424a; --ground: #15191d;
  --loud: #33231a; --good: #4cc9a0; --bad: #ff9a57; --ours: #56b4e9; --printed: #ffa35c; --panel: #1d2328; } }
body { max-width: 76rem; margin: 2.5rem auto 5rem; padding: 0 1.25rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .35rem; }
p, li { max-width: 56rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; }
a { color: var(--ours); }
.soft { color: var(--soft); font-size: .88rem; }
.loud { max-width: none; padding: .7rem 1rem; border-left: 4px solid var(--printed); background: var(--loud);
  font-weight: 600; }
.scroll { overflow-x: auto; margin: .8rem 0 1rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem 1rem .32rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom-color: var(--soft); vertical-align: bottom; }
tbody th { font-weight: 600; min-width: 8rem; }
td.number { text-align: right; white-space: nowrap; }
th.number { text-align: right; }
.values td { line-height: 1.35; } .values .status { min-width: 11rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.badge { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: .7rem;
  font-size: .85rem; white-space: nowrap; }
.badge.other { color: var(--ink); } .badge.none { color: var(--soft); }
ul { margin: .3rem 0; padding-left: 1.2rem; font-size: .92rem; }
details { margin: .5rem 0; font-size: .92rem; } summary { cursor: pointer; }
figure { margin: 0; } figcaption { font-size: .88rem; font-weight: 600; margin-bottom: .2rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem 1.5rem;
  margin: 1rem 0; }
.plots figure { background: var(--panel); padding: .6rem .7rem; border-radius: .4rem; }
.plots svg { width: 100%; max-width: 30rem; height: auto; display: block; }
.key svg { width: 14px; height: 14px; vertical-align: -2px; margin-left: .8rem; }
svg .grid { stroke: var(--line); }
svg .tick { fill: var(--soft); font-size: 11px; text-anchor: middle; }
svg .name { fill: var(--ink); font-size: 12px; text-anchor: end; }
svg .ours { fill: var(--ours); stroke: var(--ours); stroke-width: 1.6; }
svg .printed { fill: none; stroke: var(--printed); stroke-width: 1.6; }
svg .other { stroke: var(--soft); stroke-dasharray: 2 1.5; }
.papers { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 32rem), 1fr)); gap: 1rem 1.5rem;
  margin: 1rem 0; }
.paper { background: #fff; color: #1b1f24; padding: .7rem; border-radius: .4rem; border: 1px solid var(--line); }
.paper figcaption { font-weight: 400; }
.paper img { width: 100%; height: auto; display: block; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --loud: #fff; --good: #00694d;
  --bad: #a84300; --ours: #0072b2; --printed: #d55e00; --panel: #fff; }
  @page { size: landscape; margin: 1.5cm; } body { margin: 0; max-width: none; font-size: .8rem; }
  tr, figure { break-inside: avoid; } .scroll { overflow: visible; } }
"""
