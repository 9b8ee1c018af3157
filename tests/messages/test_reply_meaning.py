"""Which replies mean stop, start or help in each language, and which are for a person?"""

# ruff: noqa: RUF001 (customers type full-width letters and curly quotes)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.notice import Brand
from dunning.replies import Meaning, Reading
from messages.reply_answers import ReplyAnswers
from messages.reply_meaning import LANGUAGES, read_reply

STOPS = {
    "en": """
        stop | STOP | Stop. | "STOP" | 'stop' | stop! | stopall | Stop all | unsubscribe | cancel
        end | quit | revoke | optout | opt out | opt-out | OPT  OUT | S T O P | s.t.o.p | STOOOOP
        ＳＴＯＰ | stop stop stop!! | please stop | Stop, please. | stop thanks | ok stop now
        stpo | sotp | STP | st0p | stopp | unsubcribe | unsuscribe | unsubscirbe | unsubscribed
        please stop texting me | Stop texting me!!! | quit messaging me | stop sending me this
        remove me from your list | take me off | take me off your list | get me off this list
        no more messages | No more texts please | leave me alone | Leave us alone! | stop it
        do not contact me again | don't text me | Dont text me anymore | never text me again
        No, don't text me | please remove my number | lose my number | unsubscribe me
        I want to unsubscribe | how do I unsubscribe? | how do I stop these messages?
        I opt out | opt me out please | i revoke my consent | I withdraw consent to these texts
        STOP. Who is this? | STOP I already paid | I paid last week. Stop. | 🛑 stop 🛑 | STOP🛑
        plese stop textng me | stop mesaging me | stop sendng me texts | STOP\\nI paid
        If you don't stop texting me I will sue | I do not want these texts | just stop this
        stop these texts | can you stop texting me? | will you please stop contacting us
        I don't want to receive any more messages from you | stop the spam | \u200bSTOP\ufeff
        "please stop texting me" | You have my old number. Take me off your list, thank you!
    """,
    "de": """
        Stopp | stopp! | STOP bitte | bitte abmelden | ABMELDEN | abmeldn | Abbestellen | Ende
        aufhören | aufhoeren! | bitte keine SMS mehr | Keine Nachrichten mehr bitte
        hört auf mir zu schreiben | Bitte hören Sie auf, mir zu schreiben | hör auf
        Schreiben Sie mir nicht mehr | schreib mir nie wieder | Lassen Sie mich in Ruhe!
        nehmen Sie mich von der Liste | Nehmt mich aus dem Verteiler | löschen Sie meine Nummer
        Ich möchte keine Nachrichten mehr | ich will keine SMS mehr von euch | melden Sie mich ab
        Kontaktieren Sie mich nicht mehr | Ich möchte mich abmelden | SMS abbestellen
        ich widerrufe meine Einwilligung | Schicken Sie mir bitte keine SMS mehr
    """,
    "fr": """
        Arrêt | ARRET | arrêter | Arrêtez ! | stop svp | désabonner | Désinscription | fin | annuler
        arrêtez de m'écrire | Arrêtez de m’écrire | ne m'envoyez plus de messages
        ne m'écrivez plus | Merci de ne plus m'envoyer de SMS | laissez-moi tranquille
        désabonnez-moi | retirez-moi de votre liste | ne plus me contacter | plus de SMS svp
        Ne me contactez plus. | je veux me désabonner | cessez de m'envoyer des textos
        je ne veux plus recevoir vos messages | supprimez mon numéro | foutez-moi la paix
    """,
    "es": """
        BAJA | alto | parar | pare por favor | cancelar | basta | stop por favor | ¡STOP! | salir
        no me escriban más | No me escriban mas | dejen de enviarme mensajes | quiero darme de baja
        déjenme en paz | no más mensajes | quítenme de la lista | deja de molestarme
        no me envíen más SMS | ya no quiero recibir sus mensajes | no quiero más mensajes
        ¡No me contacten más! | borren mi número | dejad de escribirme | denme de baja
    """,
    "pt-BR": """
        PARAR | pare | sair | SAIR! | cancelar | descadastrar | stop por favor | chega
        parem de me enviar mensagens | não quero mais receber mensagens | me tire da lista
        nao quero mais receber SMS | me deixem em paz | não me mandem mais SMS | parem de mandar
        chega de mensagens | remova meu número | não me perturbe mais | quero me descadastrar
        me remova dessa lista | sem mais mensagens | deixe-me em paz | não me envie mais nada
    """,
    "ja": """
        停止 | 停止。 | 配信停止 | 配信停止してください | 解除 | ストップ | ｽﾄｯﾌﾟ | やめて
        もう送らないでください | メッセージは不要です | やめてください | 連絡しないでください
        SMSを止めてください | 配信を停止して下さい。 | リストから外してください | 「停止」
        ＳＭＳは不要です | 放っておいてください | 受信拒否 | メッセージはいりません
    """,
}
OTHERS = {
    "en": """
        don't stop | Don't stop! | do not stop | please don't stop texting me | I did not say stop
        I didn't say "stop" | stop by later | I'll stop by the office | can't stop laughing
        please don't cancel my plan | how do I cancel my subscription? | cancel my subscription
        why did you stop texting me | did you stop sending texts? | I paid yesterday
        shop | step | top | quite | cancer | bus stop | non-stop | Is this the end?
        the end is near
        I said remind me, not remove me | Don't take me off the list | do not remove me
        never unsubscribe me | I can't opt out of paying | wrong number | who
        stop my subscription | stop the payment | 🛑 | 👍 | ... | ?! | 12345 | ok | thanks | no
        hlep | statr | hell | I will pay on Friday | What does "reply STOP" mean?
        My card was stopped | they quit | weekend | sent | friend | unless you stop texting me
    """,
    "de": """
        nicht aufhören | bitte nicht abmelden | ich habe nicht Stopp gesagt | Wie kann ich kündigen?
        Ich kann nicht aufhören zu lachen | Bitte hören Sie nicht auf | Danke | kündigen
        Bitte kündigen Sie mein Abo nicht | Ich habe schon bezahlt | stoppt die Zahlung | am Ende
        Stoff | Ich melde mich | ich möchte mich nicht abmelden
    """,
    "fr": """
        n'arrêtez pas | ne vous arrêtez pas | je n'ai pas dit stop | n'annulez pas mon abonnement
        comment annuler mon abonnement ? | j'ai payé hier | ne me désabonnez pas | merci | arrivé
        ne m'envoyez pas de facture par la poste | résilier mon abonnement | à la fin du mois
        je ne peux pas m'arrêter de rire | pourquoi arrêtez de m'écrire
    """,
    "es": """
        no dejen de escribirme | no dije stop | ¿cómo cancelo mi suscripción? | no cancelen mi plan
        no puedo parar de reír | para mañana | ya pagué | gracias | no me den de baja | autobús
        quiero cancelar mi plan | hasta el fin de semana | trabaja | no
    """,
    "pt-BR": """
        não parem de me enviar | não pare de me enviar | eu não disse stop | não cancele meu plano
        como cancelo minha assinatura? | para amanhã | já paguei | obrigado | não me descadastre
        não consigo parar de rir | vou sair mais tarde | fim de semana | não
    """,
    "ja": """
        停止しないでください | やめないで | やめないでください | 解約したいのですが | 支払いました
        配信停止しないで | 明日払います | サービスを停止しないでください | ありがとう
        止めないでください
    """,
}
STARTS = "START | start! | Unstop | ＳＴＡＲＴ | anmelden | démarrer | iniciar | começar | 再開"
HELPS = "HELP | help! | info | Help me | who is this? | Hilfe | aide | ayuda | ajuda | ヘルプ"
YESES = "YES | yes! | Ja | oui | Sí | sim | はい"
STOP_WORDS = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")
KEYWORDS = {
    **dict.fromkeys((*STOP_WORDS, "opt-out"), Meaning.STOP),
    **dict.fromkeys(("start", "unstop"), Meaning.START),
    **dict.fromkeys(("help", "info"), Meaning.HELP),
}
AROUND = st.text(" .,!?\"'()[]*_-…「」¡¿«»“”\n\t🛑👍", max_size=12)


def replies(table: str) -> list[str]:
    return [
        reply.strip().replace("\\n", "\n")
        for line in table.splitlines()
        for reply in line.split(" | ")
        if reply.strip()
    ]


def all_of(tables: dict[str, str]) -> list[str]:
    return [reply for table in tables.values() for reply in replies(table)]


@pytest.mark.parametrize("reply", all_of(STOPS))
def test_whoever_wants_no_more_texts_is_understood(reply: str) -> None:
    assert read_reply(reply).meaning is Meaning.STOP


@pytest.mark.parametrize("reply", all_of(OTHERS))
def test_what_is_not_clearly_a_stop_is_for_a_person(reply: str) -> None:
    assert read_reply(reply) == Reading()


@pytest.mark.parametrize("reply", replies(STARTS))
def test_whoever_wants_texts_again_is_understood(reply: str) -> None:
    assert read_reply(reply).meaning is Meaning.START


@pytest.mark.parametrize("reply", replies(HELPS))
def test_whoever_asks_for_help_is_understood(reply: str) -> None:
    assert read_reply(reply).meaning is Meaning.HELP


@pytest.mark.parametrize("reply", replies(YESES))
def test_a_bare_yes_only_affirms(reply: str) -> None:
    reading = read_reply(reply)
    assert (reading.meaning, reading.affirms) == (Meaning.OTHER, True)


@pytest.mark.parametrize("reply", ["", " ", "\n", "\x00", "\ud800", "\u200b", "_", "💬" * 400])
def test_a_reply_without_words_is_for_a_person(reply: str) -> None:
    assert read_reply(reply) == Reading()


def test_a_long_reply_is_read_to_its_end() -> None:
    said = "I have told you all of this before and you know it. "
    story = said * 30
    assert len(story) < 1600
    assert read_reply(story) == Reading()
    assert read_reply(story[:1570] + ". Stop texting me").meaning is Meaning.STOP
    assert read_reply("a" * 1600) == Reading()
    assert read_reply("stop " * 320).meaning is Meaning.STOP


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_the_words_is_told(language: str) -> None:
    longest = max(replies(STOPS[language]), key=len)
    assert read_reply(longest) == Reading(meaning=Meaning.STOP, language=language)


@given(
    keyword=st.sampled_from(sorted(KEYWORDS)),
    before=AROUND,
    after=AROUND,
    capitals=st.lists(st.booleans(), min_size=12, max_size=12),
    wide=st.booleans(),
)
def test_a_keyword_is_recognised_in_any_case_and_punctuation(
    keyword: str, before: str, after: str, capitals: list[bool], *, wide: bool
) -> None:
    typed = (
        "".join(c.upper() if upper else c for c, upper in zip(keyword, capitals, strict=False))
        + keyword[len(capitals) :]
    )
    if wide:
        typed = "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in typed)
    assert read_reply(f"{before}{typed}{after}").meaning is KEYWORDS[keyword]


@given(st.text(max_size=1600))
def test_anything_can_be_read(reply: str) -> None:
    assert read_reply(reply).language in (None, *LANGUAGES)


def test_answers_name_the_merchant_in_the_language_of_the_customer() -> None:
    answers = ReplyAnswers(
        brand=Brand(name="Example", support_email="help@example.com"), locale="fr"
    )
    told = {
        (locale, heard): answers.to(Meaning.STOP, locale=locale, heard=heard)
        for locale, heard in (("de-AT", "en"), (None, "es"), (None, None), ("pt", None))
    }
    assert told[("de-AT", "en")] == (
        "Example: Sie erhalten keine SMS mehr von dieser Nummer. Mit START erhalten Sie sie wieder."
        " Fragen: help@example.com"
    )
    beginnings = [str(words).split(" ")[1] for words in told.values()]
    assert beginnings == ["Sie", "No", ":", "Você"]
    assert answers.to(Meaning.OTHER, locale="de", heard=None) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("meaning", [Meaning.STOP, Meaning.START, Meaning.HELP])
def test_no_answer_is_longer_than_the_rules_for_texts_allow(
    language: str, meaning: Meaning
) -> None:
    brand = Brand(name="B" * 20, support_email="billing@example.com")
    words = ReplyAnswers(brand=brand, locale="en").to(meaning, locale=language, heard=None)
    assert words is not None
    assert len(words) <= 320
    assert brand.name in words
    assert meaning is Meaning.START or brand.support_email in words
