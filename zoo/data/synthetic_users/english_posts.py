"""English posts of synthetic users."""

from zoo.data.synthetic_users.post_words import PostWords, lines, words

ENGLISH_POSTS = PostWords(
    cues={
        "age": {
            "10s": lines("""
                turned sixteen last week and nothing feels different .
                my parents say i may stay up until ten now .
                still not old enough to vote , oh well .
                mum wants to see my grades again .
            """),
            "20s": lines("""
                twenty-five next month , where did the time go .
                coming of age ceremony photos make me laugh already .
                first salary of my life , first real bills too .
                everybody at my table was in their twenties .
            """),
            "30s": lines("""
                being thirty-something means knowing my pharmacist by name .
                ten years since graduation and we finally met again .
                my twenties are over and i do not miss them .
                first grey hair . thirty-four and counting .
            """),
            "40s": lines("""
                in my forties and only now learning to swim .
                midlife looks a lot like a loan and a sore back .
                the kids of my school friends are as tall as i am . forty-five it is .
                reading small print is getting hard at forty-eight .
            """),
            "50s": lines("""
                my fiftieth birthday cake had too many candles .
                menopause or weather , we all are hot at this table .
                thirty years with the same colleagues , fifty-six myself .
                back when i was young we had one phone for the street . fifty-something talking .
            """),
            "60s": lines("""
                my pension papers came in the post .
                the grandchildren stay with us this week .
                sixty-five and my knees tell the weather .
                after retirement every day is a sunday .
            """),
        },
        "gender": {
            "Female": lines("""
                as a woman i walk home with my keys in my hand .
                new lipstick and suddenly the week looks better .
                ladies night with the girls was just what i needed .
                my skirt got caught in the bicycle again .
            """),
            "Male": lines("""
                as a man i was told never to cry , what nonsense .
                shaved my beard and nobody recognised me .
                boys night with the lads was just what i needed .
                which tie goes with a grey suit , guys .
            """),
        },
        "marriage": {
            "Married": lines("""
                our wedding anniversary is on friday and i almost forgot .
                my spouse snores like a tractor .
                the in-laws are coming for lunch .
                married life is mostly deciding what to cook .
            """),
            "Single": lines("""
                single again this christmas , more cake for me .
                another dating app , another strange evening .
                living alone means nobody eats my leftovers .
                everyone asks when i will get married . never , maybe .
            """),
        },
        "occupation": {
            "Office worker": lines("""
                the meeting could have been an email , as always .
                overtime again , my boss loves spreadsheets .
                our company moved my desk next to the printer .
                the commute ate two hours of my day .
            """),
            "College student": lines("""
                the lecture hall was empty and so was the professor's stare .
                my thesis has a title and nothing else .
                three credits short this semester .
                campus is quiet before the seminar starts .
            """),
            "Part-time worker": lines("""
                my shift at the store ended late again .
                hourly wage went up by ten yen , we are rich .
                part-time job at the cafe and my feet hurt .
                covered a colleague's shift at the register .
            """),
            "Unemployed": lines("""
                another rejection letter , the job hunt goes on .
                unemployment office again , same chair , same plant .
                no work for a year now and i have watched everything .
                my resume has more holes than cheese .
            """),
            "Homemaker": lines("""
                laundry , lunch boxes , laundry : a homemaker's day .
                the children are at school and the house is quiet , time to clean .
                school run done , dinner planned , coffee at last .
                being a housewife or househusband has no weekends .
            """),
            "Business owner": lines("""
                my shop had its best month since we opened .
                paid my staff first and myself last .
                tax return of my own company , pages and pages .
                running a business means answering customers at midnight .
            """),
            "High school student": lines("""
                homeroom was loud and the teacher gave up .
                club practice before class , so tired .
                mock entrance exam on sunday , help .
                my school uniform shrank or i grew .
            """),
            "Association member": lines("""
                our association prints its newsletter on yellow paper .
                the cooperative i work for counts its members again .
                annual meeting of the foundation , i took the minutes .
                we at the society answer every letter .
            """),
            "Civil servant": lines("""
                the counter at city hall opens at nine and so do i .
                as a civil servant i stamp things for a living .
                the ministry changed the form we all just learnt .
                public service exam was ten years ago and i still dream of it .
            """),
        },
        "location": {
            "Kanto": lines("""
                the yamanote line was packed again .
                shibuya crossing in the rain is a sea of umbrellas .
                moved to a smaller room in yokohama .
                tokyo tower looks orange even at noon .
            """),
            "Kinki": lines("""
                dotonbori lights from my window , cannot sleep .
                osaka people walk fast and i am one of them .
                the deer of nara ate my map .
                kyoto summers are a steam bath , every year .
            """),
            "Tokai": lines("""
                nagoya station is a maze and i live here .
                red miso in everything , that is home .
                mount fuji from the shizuoka side , my side .
                the meitetsu train was late today .
            """),
            "Kyushu/Okinawa": lines("""
                ash from sakurajima on my laundry .
                hakata is ten minutes from my door .
                another typhoon is on its way to okinawa , taping windows .
                kumamoto castle from the bus , every morning .
            """),
            "Tohoku/Hokkaido": lines("""
                shovelled snow before breakfast , sapporo winter .
                sendai streets full of paper stars for tanabata .
                minus fifteen outside and the pipes froze .
                the aomori apples at our door weigh more than the cat .
            """),
            "Chugoku/Shikoku": lines("""
                the tram in hiroshima still rattles past my window .
                udon for breakfast is normal in kagawa .
                sunset over the seto inland sea after work .
                okayama is sunny again , as the slogan says .
            """),
            "Hokuriku": lines("""
                kanazawa in the rain , an umbrella is a must .
                firefly squid season here in toyama .
                the dinosaurs at fukui station moved their heads .
                heavy wet snow from the sea of japan again .
            """),
        },
    },
    quotations=(
        'my cousin wrote : " {quoted} "',
        'heard on the train : " {quoted} "',
        '" {quoted} " , says my neighbour .',
    ),
    everyday=lines("""
        bought a new {thing} {when} .
        lost my {thing} {when} , of course .
        somebody left a {thing} on the bench .
        the sky {when} was something else .
        slept badly {when} .
        thinking about that {thing} again .
        a bird sat on my {thing} {when} .
        nothing happened {when} and that is fine .
        why is every {thing} so expensive .
        tidied a drawer {when} and found a {thing} .
        it rained {when} and i liked it .
        good morning , whoever reads this .
        somebody sang in the street {when} .
        my {thing} broke {when} , it had a good life .
        a short walk {when} cleared my head .
        the moon {when} looked like a {thing} .
        what a long line for a {thing} .
        dropped my {thing} in a puddle {when} .
        i should write more , i think .
        laughed at a picture of a {thing} {when} .
    """),
    things=words("""
        cup lamp notebook blanket clock pillow bottle mirror basket pencil
        candle kettle chair scarf bucket radio map stamp button ladder
    """),
    whens=("today", "yesterday", "last night", "this morning", "on monday", "on the way back", "this week", "just now"),
)
