"""What synthetic users like: eight topics, every value with its surface words in both languages.

No surface is part of another one or of a phrase in `english` and `japanese`, so whom a reply agrees with can be read
off it (`zoo.data.synthetic_users.truth`). The fourth column names profile values that make a value more likely.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """Something to like. `leanings` are profile values whose bearers like it more often."""

    english: str
    japanese: str
    leanings: tuple[str, ...] = ()

    def surface(self, language: str) -> str:
        """The words by which it is recognised."""
        return self.japanese if language == "ja" else self.english


def _values(lines: str) -> tuple[Value, ...]:
    cells = ([cell.strip() for cell in line.split("|")] for line in lines.strip().splitlines())
    return tuple(Value(en, ja, tuple(filter(None, map(str.strip, leanings.split(","))))) for en, ja, leanings in cells)


PREFERENCES: Mapping[str, tuple[Value, ...]] = {
    "food": _values("""
        ramen | ラーメン | Kyushu/Okinawa, Male
        takoyaki | たこ焼き | Kinki
        sushi | お寿司 | 50s, Tohoku/Hokkaido
        curry | カレー | 10s, Male
        soba | お蕎麦 | 60s, Kanto
        pancakes | パンケーキ | Female, 10s
        udon | うどん | Chugoku/Shikoku
        stew | シチュー | 40s, Homemaker
        fried chicken | 唐揚げ | Tokai, Male
        crab | カニ | Hokuriku
        pizza | ピザ | 20s
        salad | サラダ | 30s, Female
    """),
    "drink": _values("""
        black coffee | ブラックコーヒー | Office worker, 40s
        green tea | 緑茶 | 60s
        milk tea | ミルクティー | Female, 10s
        beer | ビール | Male, 40s
        cola | コーラ | High school student
        sake | 日本酒 | 50s, Hokuriku
        cocoa | ココア | Tohoku/Hokkaido
        lemonade | レモネード | College student
        plum wine | 梅酒 | 30s, Female
        oolong tea | ウーロン茶 | Civil servant
        tomato juice | トマトジュース | Business owner
        barley tea | 麦茶 | Homemaker
    """),
    "hobby": _values("""
        fishing | 釣り | Male, 50s, 60s
        knitting | 編み物 | Female, 60s
        video games | ゲーム | 10s, 20s, Male
        gardening | ガーデニング | 60s, Homemaker
        jogging | ジョギング | 30s, Office worker
        photography | 写真 | Part-time worker
        baking | お菓子作り | Female, Homemaker
        dancing | ダンス | High school student
        golf | ゴルフ | 50s, Business owner
        camping | キャンプ | Married, 30s
        drawing | お絵かき | College student
        chess | チェス | Civil servant
        calligraphy | 書道 | Association member
    """),
    "music": _values("""
        rock | ロック | 40s, Male
        jazz | ジャズ | 50s, Business owner
        idol songs | アイドルの曲 | 10s
        anime songs | アニソン | 20s, College student
        classical music | クラシック | Civil servant
        enka | 演歌 | 60s
        hip hop | ヒップホップ | Part-time worker
        folk songs | フォーク | 60s, Unemployed
        city pop | シティポップ | 30s, Kanto
        piano pieces | ピアノ曲 | Female
        techno | テクノ | 20s, Male
        bossa nova | ボサノバ | 40s, Homemaker
    """),
    "trip": _values("""
        hot springs | 温泉 | 60s, Kyushu/Okinawa
        aquariums | 水族館 | 20s, Kinki
        museums | 美術館 | 50s, Female
        amusement parks | 遊園地 | 10s, Kanto
        the seaside | 海辺 | Chugoku/Shikoku
        mountain trails | 山道 | Tohoku/Hokkaido
        castles | お城 | Tokai, Male
        temples | お寺 | 60s, Kinki
        flower fields | 花畑 | Female, 40s
        street markets | 朝市 | Hokuriku
        libraries | 図書館 | College student
        lighthouses | 灯台 | Single
    """),
    "pet": _values("""
        dogs | 犬 | Married
        cats | 猫 | Single, Female
        hamsters | ハムスター | 10s
        parrots | インコ | 60s
        goldfish | 金魚 | Homemaker
        turtles | 亀 | Male
        rabbits | うさぎ | Female
        lizards | トカゲ | 20s, Male
        hedgehogs | ハリネズミ | 30s
        ferrets | フェレット | Part-time worker
    """),
    "film": _values("""
        comedies | コメディ | 10s
        mysteries | ミステリー | 40s
        horror | ホラー | College student
        romances | ラブストーリー | Female, 20s
        documentaries | ドキュメンタリー | Association member, 50s
        samurai dramas | 時代劇 | 60s
        science fiction | SF | Male, Office worker
        cartoons | アニメ | High school student, 10s
        musicals | ミュージカル | Female
        family dramas | ホームドラマ | Married, Homemaker
        westerns | 西部劇 | 50s, Male
    """),
    "sport": _values("""
        baseball | 野球 | Kinki, Male
        soccer | サッカー | 10s, 20s
        sumo | 相撲 | 60s
        tennis | テニス | Office worker
        volleyball | バレーボール | Female, High school student
        basketball | バスケ | College student, 10s
        rugby | ラグビー | Kyushu/Okinawa, Male
        figure skating | フィギュアスケート | Female, 40s
        boxing | ボクシング | Part-time worker
        marathons | マラソン | 30s, Civil servant
        badminton | バドミントン | Homemaker
        ski jumping | スキージャンプ | Tohoku/Hokkaido
    """),
}
