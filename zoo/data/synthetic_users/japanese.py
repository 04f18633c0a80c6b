"""Japanese words of synthetic users. Statements end in a noun, so that any copula of `endings` may follow."""

from zoo.data.synthetic_users.wording import TopicWords, Wording


def _about(noun: str) -> TopicWords:
    return TopicWords(
        questions={
            "polite": (
                f"好きな{noun}は何ですか？",
                f"{noun}は何がお好きですか？",
                f"いちばん好きな{noun}を教えていただけますか？",
            ),
            "casual": (f"好きな{noun}は？", f"{noun}なら何が好き？", f"{noun}って何が好きなの？"),
        },
        statements=(
            f"好きな{noun}は{{value}}",
            "いちばん好きなのは{value}",
            f"{noun}なら{{value}}",
            "やっぱり{value}",
            "断然{value}",
            "昔から好きなのは{value}",
            "今も夢中なのは{value}",
        ),
    )


JAPANESE = Wording(
    blank="",
    comma="、",
    topics={
        "food": _about("食べ物"),
        "drink": _about("飲み物"),
        "hobby": _about("趣味"),
        "music": _about("音楽"),
        "trip": _about("お出かけ先"),
        "pet": _about("動物"),
        "film": _about("映画"),
        "sport": _about("スポーツ"),
        "occupation": TopicWords(
            questions={
                "polite": ("お仕事は何をされていますか？", "普段は何をされていますか？"),
                "casual": ("仕事は何してるの？", "普段は何してる人？"),
            },
            statements=("仕事は{value}", "普段は{value}", "今は{value}"),
        ),
        "location": TopicWords(
            questions={
                "polite": ("どちらにお住まいですか？", "お住まいはどのあたりですか？"),
                "casual": ("どこに住んでるの？", "どのへんの人？"),
            },
            statements=("住んでいるのは{value}", "家は{value}", "住まいは{value}"),
        ),
    },
    surfaces={
        "occupation": {
            "Office worker": "会社員",
            "College student": "大学生",
            "Part-time worker": "アルバイト",
            "Unemployed": "無職",
            "Homemaker": "専業の家事",
            "Business owner": "自営業",
            "High school student": "高校生",
            "Association member": "団体職員",
            "Civil servant": "公務員",
        },
        "location": {
            "Kanto": "関東",
            "Kinki": "近畿",
            "Tokai": "東海",
            "Kyushu/Okinawa": "九州",
            "Tohoku/Hokkaido": "東北",
            "Chugoku/Shikoku": "中国地方",
            "Hokuriku": "北陸",
        },
    },
    greetings={
        "polite": (
            "こんにちは。",
            "はじめまして。",
            "お世話になります。",
            "どうぞよろしくお願いします。",
            "こんばんは。",
        ),
        "casual": ("やあ！", "どうも！", "やっほー！", "おっす！", "よろしくね！", "ちわっす！", "お、こんちは！"),
    },
    interjections=("えっと", "うーん", "そうだなあ", "まあ", "あのね", "そりゃあ", "実は", "ほら", "正直", "あー"),
    reactions={
        "polite": ("なるほど。", "素敵ですね。", "そうなんですね。", "教えてくださってうれしいです。", "いいですね。"),
        "casual": (
            "へえ！",
            "いいね！",
            "まじか！",
            "そうなんだ！",
            "わかるわかる！",
            "さすが！",
            "おお、いいじゃん！",
        ),
    },
    farewells={
        "polite": ("ありがとうございました。", "またお話ししましょう。", "では失礼します。", "お元気で。"),
        "casual": ("またね！", "じゃあね！", "ほな、また！", "また話そう！", "バイバイ！", "おつかれ！"),
    },
    endings={
        "polite": ("です。", "ですね。", "ですよ。", "なんです。", "です！", "でしょうか。", "ですかね。"),
        "casual": ("だよ。", "だね。", "かな。", "なんだ。", "だな。", "っす！", "だよ！", "だぜ！", "だよー。"),
    },
    dialect_endings={
        "Kinki": ("やで。", "やねん。", "やな。"),
        "Kyushu/Okinawa": ("ばい。", "たい。", "さー。"),
        "Tohoku/Hokkaido": ("だべ。", "だっちゃ。"),
        "Chugoku/Shikoku": ("じゃ。", "じゃけん。"),
        "Tokai": ("だがね。", "だに。"),
        "Hokuriku": ("やよ。", "やちゃ。"),
    },
    plain_ending={"polite": "です。", "casual": "だよ。"},
    guesses={
        "polite": ("{value}はお好きですか？", "もしかして{value}が好きですか？"),
        "casual": ("{value}は好き？", "{value}とかどう？"),
    },
    yes={"polite": ("はい、とても。", "ええ、その通りです。"), "casual": ("うん！", "大好き！")},
    no={"polite": ("いいえ、それほどでも。", "いえ、あまり。"), "casual": ("ううん。", "いや、そうでもない。")},
    and_you={"polite": ("あなたはいかがですか？", "そちらはどうですか？"), "casual": ("そっちは？", "君は？")},
    origin="きっかけは{origin}",
    origins=(
        *("姉の影響", "祖母の昔話", "友だちのすすめ", "テレビの特集", "近所の人の話", "短い動画", "最初の上司"),
        *("ある雨の午後", "古い小説", "叔父の一言", "長い電車の旅", "学校の先輩"),
    ),
)
