"""Seventy neutral personal questions, each in English and Japanese: the contexts of the diversity experiment.

Otsuka et al., section 4.3, take 70 from the personality question set of Sugiyama et al. 2014, of which no public
release was found. These are our own: anybody can answer them, no answer is right, none asks for what is confidential.
"""

from zoo.errors import UserError

_PAIRS = """
What is your favourite food? | 好きな食べ物は何ですか？
What do you like to drink in the morning? | 朝は何を飲むのが好きですか？
Do you like to cook? | 料理をするのは好きですか？
Is there a food that you cannot eat? | 苦手な食べ物はありますか？
What did you have for breakfast today? | 今日の朝ごはんは何でしたか？
Do you prefer sweet or salty snacks? | 甘いお菓子としょっぱいお菓子ではどちらが好きですか？
Where do you like to eat out? | 外食するならどこへ行きますか？
What are your hobbies? | 趣味は何ですか？
How do you spend your days off? | 休みの日は何をしていますか？
What have you been absorbed in lately? | 最近夢中になっていることは何ですか？
What would you like to try next? | これから始めてみたいことはありますか？
What kind of music do you listen to? | どんな音楽を聴きますか？
Do you play an instrument? | 楽器は弾けますか？
Do you sing when you are alone? | ひとりのときに歌うことはありますか？
Which film did you like best of late? | 最近いちばん良かった映画は何ですか？
Do you read books? | 本は読みますか？
Which book would you recommend? | おすすめの本はありますか？
What do you watch on television? | テレビでは何を見ますか？
Do you play games? | ゲームはしますか？
Which sport do you like? | 好きなスポーツは何ですか？
Do you exercise regularly? | 普段から運動をしていますか？
Have you ever been to a live match? | 試合を生で見たことはありますか？
Do you like to travel? | 旅行は好きですか？
Which place do you want to visit? | 行ってみたい場所はどこですか？
What was your best trip? | いちばん思い出に残っている旅行は何ですか？
Do you prefer the sea or the mountains? | 海と山ではどちらが好きですか？
What is good about the place you live in? | お住まいの場所の良いところは何ですか？
Do you prefer the city or the countryside? | 都会と田舎ではどちらが好きですか？
Do you have a pet? | ペットを飼っていますか？
Do you prefer dogs or cats? | 犬派ですか、猫派ですか？
Which animal would you like to be? | 動物になるなら何になりたいですか？
Which season do you like best? | いちばん好きな季節はいつですか？
What do you do on a rainy day? | 雨の日は何をしますか？
Can you stand the heat of summer? | 夏の暑さは平気ですか？
Are you a morning person? | 朝型ですか？
What time do you go to bed? | 何時ごろに寝ますか？
How long do you sleep? | 睡眠時間はどれくらいですか？
What do you do first when you get home? | 家に帰ったら最初に何をしますか？
How do you relax? | どうやって気分転換をしますか？
What made you laugh lately? | 最近笑ったことは何ですか？
What made you happy this week? | 今週うれしかったことは何ですか？
Is there anything that worries you? | 気になっていることはありますか？
What are you afraid of? | 怖いものは何ですか？
When did you last cry? | 最後に泣いたのはいつですか？
What makes you angry? | どんなことに腹が立ちますか？
What kind of person are you? | ご自分はどんな性格だと思いますか？
What are you good at? | 得意なことは何ですか？
What are you bad at? | 苦手なことは何ですか？
What do your friends say about you? | 友だちからはどんな人だと言われますか？
Do you like to talk to strangers? | 初めての人と話すのは好きですか？
Do you prefer to be alone or with others? | ひとりと大勢ではどちらが好きですか？
How did you meet your best friend? | 親友とはどうやって知り合いましたか？
What do you do with your friends? | 友だちとは何をして過ごしますか？
What were you like as a child? | どんな子どもでしたか？
What did you want to be as a child? | 子どものころの夢は何でしたか？
Which subject did you like at school? | 学校で好きだった科目は何ですか？
What kind of work would you like to do? | どんな仕事をしてみたいですか？
What do you do every day? | 毎日どんなことをしていますか？
What is the best thing about your day? | 一日のうちで好きな時間はいつですか？
What do you spend money on? | 何にお金を使いますか？
Do you save money? | 貯金はしていますか？
What did you buy recently? | 最近買ったものは何ですか？
What is your treasure? | 宝物は何ですか？
Which colour do you like? | 好きな色は何ですか？
What clothes do you like to wear? | どんな服が好きですか？
What would you do with a week of holidays? | 一週間の休みがあったら何をしますか？
What would you do if you won the lottery? | 宝くじが当たったら何をしますか？
Which word do you like? | 好きな言葉は何ですか？
What is your goal this year? | 今年の目標は何ですか？
What will you do tomorrow? | 明日は何をする予定ですか？
"""
_QUESTIONS = [tuple(text.strip() for text in line.split("|")) for line in _PAIRS.strip().splitlines()]


def personal_questions(language: str) -> tuple[str, ...]:
    """The 70 questions in "en" or "ja"; the same place holds the same question.

    Raises:
        UserError: another language.
    """
    if language not in ("en", "ja"):
        raise UserError(f"Questions in {language!r} were asked for; there are 'en' and 'ja'.")
    return tuple(english if language == "en" else japanese for english, japanese in _QUESTIONS)
