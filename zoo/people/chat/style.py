"""How the page looks: Gradio's own colours, so that dark is dark."""

STYLE = """
.gradio-container { max-width: 1240px !important; margin: 0 auto; }
.zoo-head h1 { font-size: 1.35rem; margin: 0 0 .15rem; }
.zoo-head p { margin: 0; color: var(--body-text-color-subdued); font-size: .9rem; }
.zoo-talk { height: min(58vh, 620px); min-height: 260px; overflow-y: auto; padding: .9rem; display: flex;
  flex-direction: column; gap: .7rem; border: 1px solid var(--border-color-primary); border-radius: 10px;
  background: var(--background-fill-primary); }
.zoo-side { font-weight: 600; }
.zoo-scorer { color: var(--body-text-color-subdued); font-size: .8rem; overflow-wrap: anywhere; margin: .2rem 0 0; }
.zoo-empty { margin: auto; color: var(--body-text-color-subdued); }
.zoo-turn { max-width: 88%; min-width: 0; }
.zoo-turn.partner { align-self: flex-end; }
.zoo-turn.responder { align-self: flex-start; }
.zoo-who { font-size: .75rem; color: var(--body-text-color-subdued); margin: 0 .2rem .15rem; overflow-wrap: anywhere;
  unicode-bidi: isolate; }
.zoo-turn.partner .zoo-who { text-align: end; }
.zoo-said { padding: .5rem .75rem; border-radius: 10px; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: isolate; }
.zoo-turn.partner .zoo-said { background: var(--color-accent-soft); }
.zoo-turn.writing .zoo-said { opacity: .75; }
.zoo-verdicts { font-size: .8rem; margin: .25rem .2rem 0; color: var(--body-text-color-subdued); }
.zoo-verdicts summary { cursor: pointer; }
.zoo-verdicts ul { list-style: none; padding: 0; margin: .2rem 0 0; }
.zoo-verdicts li { overflow-wrap: anywhere; padding: .1rem 0; }
.zoo-verdicts b { display: inline-block; min-width: 5.6rem; font-weight: 600; }
.zoo-verdicts i { opacity: .7; font-style: normal; font-variant-numeric: tabular-nums; }
.zoo-verdicts .entailment b { color: #15803d; }
.zoo-verdicts .contradiction b { color: #b91c1c; }
.dark .zoo-verdicts .entailment b { color: #4ade80; }
.dark .zoo-verdicts .contradiction b { color: #f87171; }
.zoo-note { padding: .45rem .7rem; border-radius: 8px; font-size: .88rem; overflow-wrap: anywhere;
  background: var(--background-fill-secondary); color: var(--body-text-color); }
.zoo-note.wrong { background: #fef3c7; color: #78350f; }
.dark .zoo-note.wrong { background: #78350f; color: #fef3c7; }
#zoo-note:not(:has(.zoo-note)) { display: none; }
#zoo-left .html-container, #zoo-right .html-container, #zoo-scorer .html-container, #zoo-note .html-container,
.zoo-title .html-container, .zoo-heading .html-container { padding: 0 !important; }
.block.zoo-heading { background: var(--block-background-fill); padding: .6rem .8rem 0 !important; }
@media (max-width: 700px) {
  .zoo-settings { order: 2; }
  .zoo-talk { height: 44vh; }
  #zoo-left, #zoo-right { min-width: 100% !important; }
  .gradio-container { padding: .5rem !important; }
}
"""
