"""Japanese cues to attributes: regular expressions, matched anywhere in the text. Our own lists."""

from collections.abc import Mapping

_NOT_A_DIGIT = r"(?<![0-9０-９])"


def _decade(kanji: str, digit: str, *more: str) -> tuple[str, ...]:
    """A decade of life in figures and kanji, with further cues."""
    return (
        rf"{_NOT_A_DIGIT}{digit}\d[歳才]",
        f"{kanji}十?[一二三四五六七八九]?[歳才]",
        f"{kanji}十代|{digit}0代",
        *more,
    )


JAPANESE_CUES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "age": {
        "10s": (rf"{_NOT_A_DIGIT}1\d[歳才]", "(?<![二三四五六])十代|10代", "門限", "選挙権", "成績表", "反抗期"),
        "20s": _decade("二", "2", "成人式", "初任給", "新卒", "ハタチ"),
        "30s": _decade("三", "3", "アラサー", "三十路", "初めての白髪"),
        "40s": _decade("四", "4", "アラフォー", "老眼"),
        "50s": _decade("五", "5", "アラフィフ", "更年期", "若いころ"),
        "60s": _decade("六", "6", "年金", "孫", "定年", "還暦"),
    },
    "gender": {
        "Female": (
            "女だから",
            "女として",
            "女子会",
            "口紅|マスカラ|ネイル",
            "スカート",
            "旦那|(?<!丈)夫[がと]",
            "妊娠",
        ),
        "Male": ("男は|男だから", "男として", "男だけ", "ひげ|髭", "ネクタイ", "[妻嫁][がと]"),
    },
    "marriage": {
        "Married": ("結婚記念日", "配偶者", "義理の|義母|義父", "結婚生活", "旦那|(?<!丈)夫[がと]|[妻嫁][がと]"),
        "Single": ("独身", "婚活", "一人暮らし", "結婚するの", "未婚", "彼氏"),
    },
    "occupation": {
        "Office worker": ("残業", "上司", "会社の", "通勤", "出勤", "営業先", "会議"),
        "College student": ("講義", "卒論", "単位", "ゼミ", "キャンパス", "サークル"),
        "Part-time worker": ("シフト", "時給", "バイト", "パート先", "レジに"),
        "Unemployed": ("無職", "ハローワーク", "不採用", "職探し", "失業", "履歴書"),
        "Homemaker": ("主婦|主夫", "家事", "お弁当", "送り迎え", "献立"),
        "Business owner": ("うちの店", "従業員", "確定申告", "経営", "開店", "自営"),
        "High school student": ("高校", "ホームルーム", "朝練", "模試", "制服", "担任"),
        "Association member": ("協会", "財団", "事務局", "団体職員", "組合"),
        "Civil servant": ("公務員", "市役所|区役所|役場", "省庁", "県庁"),
    },
    "location": {
        "Kanto": ("東京", "横浜", "千葉", "埼玉", "関東", "山手線", "渋谷", "新宿"),
        "Kinki": ("大阪", "京都", "神戸", "奈良", "近畿", "関西", "道頓堀"),
        "Tokai": ("名古屋", "静岡", "岐阜", "三重", "東海", "愛知", "名鉄"),
        "Kyushu/Okinawa": ("福岡", "博多", "沖縄", "熊本", "鹿児島", "桜島", "長崎", "九州"),
        "Tohoku/Hokkaido": ("札幌", "仙台", "北海道", "青森", "秋田", "東北", "盛岡", "福島"),
        "Chugoku/Shikoku": ("広島", "岡山", "香川", "松山", "四国", "鳥取", "高知", "瀬戸内"),
        "Hokuriku": ("金沢", "富山", "福井", "北陸", "石川", "能登"),
    },
}
