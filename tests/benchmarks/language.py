"""How often the language of a short instruction is told, and told wrongly; and what it takes.

    .venv/bin/python tests/benchmarks/language.py

The instructions are as people write them, three to eight words each, which is the hard case.
"""

import time
from itertools import product

from editcorpus.language import UNDETERMINED, written

THINGS = (
    *("a hat", "the red car", "the dog", "the tree on the left", "two cats", "a bicycle"),
    *("her hair", "the sky", "a mug of coffee", "the sign"),
)
ENGLISH = (
    *("Add {}.", "remove {}", "Replace {} with a horse", "make {} blue", "turn {} into gold"),
    *(
        "What if {} were made of glass?",
        "get rid of {}",
        "Put {} on the beach",
        "{} should be bigger",
    ),
    *("Move {} to the right", "Let {} disappear in the fog.", "Swap {} for a balloon"),
)
OTHERS = {
    "ar": ("أضف قبعة", "أزل السيارة", "اجعل السماء وردية"),
    "de": (
        *(
            "Füge einen Hut hinzu.",
            "Entferne das Auto",
            "Mach den Himmel rosa",
            "Lass es schneien.",
        ),
        *("Ersetze den Hund durch eine Katze", "Verwandle das Bild in ein Ölgemälde"),
    ),
    "es": (
        *("Añade un sombrero", "Quita el coche", "Haz el cielo rosa.", "Haz que nieve"),
        *("Cambia el perro por un gato", "Convierte la imagen en una pintura al óleo"),
    ),
    "fr": (
        *(
            "Ajoute un chapeau",
            "Supprime la voiture",
            "Rends le ciel rose.",
            "Fais tomber la neige",
        ),
        *("Remplace le chien par un chat", "Transforme l'image en peinture à l'huile"),
    ),
    "hi": ("एक टोपी जोड़ें", "कार हटाओ", "आसमान को गुलाबी करो"),
    "it": (
        *("Aggiungi un cappello", "Togli la macchina", "Rendi il cielo rosa."),
        *("Sostituisci il cane con un gatto", "Trasforma l'immagine in un dipinto a olio"),
    ),
    "ja": ("帽子を追加して", "車を消して", "空をピンクにする", "犬を猫に置き換える"),
    "ko": ("모자를 추가해 주세요", "자동차를 제거하세요", "하늘을 분홍색으로"),
    "nl": (
        *("Voeg een hoed toe", "Verwijder de auto", "Maak de lucht roze."),
        "Vervang de hond door een kat",
    ),
    "pl": ("Dodaj kapelusz", "Usuń samochód", "Zmień kolor nieba na różowy"),
    "pt": (
        *("Adicione um chapéu", "Remova o carro", "Deixe o céu rosa."),
        *("Troque o cachorro por um gato", "Transforme a imagem em uma pintura a óleo"),
    ),
    "ru": ("Добавь шляпу", "Убери машину", "Сделай небо розовым", "Замени собаку на кошку"),
    "tr": ("Bir şapka ekle", "Arabayı kaldır", "Gökyüzünü pembe yap"),
    "uk": ("Додай капелюх", "Прибери машину", "Зроби небо рожевим"),
    "vi": ("Thêm một chiếc mũ", "Xóa chiếc xe", "Làm bầu trời màu hồng"),
    "zh": ("给他戴一顶帽子", "去掉汽车", "把天空变成粉红色", "把狗换成猫"),
}
ROUNDS = 20


def main() -> None:
    """Print a line for English, and one for all others."""
    english = [(form.format(thing), "en") for form, thing in product(ENGLISH, THINGS)]
    others = [(text, language) for language, texts in OTHERS.items() for text in texts]
    for name, cases in (("English", english), (f"{len(OTHERS)} other languages", others)):
        found = [(written(text).language, language) for text, language in cases]
        right = sum(told == language for told, language in found)
        open_ = sum(told == UNDETERMINED for told, _ in found)
        print(f"{name}: {len(cases)} texts, {right} right, {open_} undetermined, "
              f"{len(cases) - right - open_} wrong")  # fmt: skip
    began = time.process_time()
    for _ in range(ROUNDS):
        for text, _language in english:
            written(text)
    each = (time.process_time() - began) / ROUNDS / len(english)
    print(f"{each * 1e6:.0f} microseconds of CPU each")


if __name__ == "__main__":
    main()
