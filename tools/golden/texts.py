"""Strings that tokenizers get wrong: scripts, emoji, code, spaces, control characters."""
import itertools

_PLAIN = """
hello world|The bridge on the hill was sold twice.|don't we'll I'm they've HE'S it'd|UPPER lower MiXeD camelCase snake_case
antidisestablishmentarianism|a|I|.|42|007|3.14159|1,234,567.89|2024-02-29T23:59:59Z|x86_64|v1.2.3-rc.4+build5|50%|$19.99
€5,00|№ 7|½ + ¼ = ¾|x² + y³ ≠ z⁴|∑ᵢ aᵢ ≤ ∞|∀x∈ℝ: x² ≥ 0|naïve façade coöperate|Ångström|Zażółć gęślą jaźń|Žluťoučký kůň
İstanbul ıssız|Straße STRASSE ẞ|Ελληνικά γράμματα|Русский текст с ёлкой|Українська мова|Հայերեն տառեր|ქართული ანბანი
שלום עולם|مرحبا بالعالم|اَلْعَرَبِيَّةُ|فارسی می‌خوانم|اردو زبان|हिन्दी में लिखा|বাংলা ভাষা|தமிழ் எழுத்து|ไทยไม่มีช่องว่าง
ភាសាខ្មែរ|አማርኛ|你好，世界！|漢字とかな交じり文|カタカナ ﾊﾝｶｸ|한국어 문장입니다|ＦＵＬＬ　ｗｉｄｔｈ １２３|𝒻𝒶𝓃𝒸𝓎 𝔣𝔯𝔞𝔨𝔱𝔲𝔯|𠮷野家
😀|😀😃😄|👍🏽|👨‍👩‍👧‍👦|🏳️‍🌈|🇩🇪🇫🇷|❤️ and ❤|☃ snow|a😀b|✅ done ❌ not|½ tsp 🧂|“curly” ‘quotes’ «angles»|en–dash em—dash
ellipsis… dots...|......|!!!!!!|?!?!|-----|======|#hashtag @mention|user.name+tag@example.com|https://example.org/a?b=c&d=%20#e
C:\\Users\\name\\file.txt|/usr/local/bin|<div class="a">text</div>|<s>|</s>|<unk>|<pad>|<|endoftext|>|[INST] hi [/INST]|<0x0A>|<extra_id_0>
{"key": [1, 2.5, null, true]}|if (a && b || !c) { return x[i]++; }|def f(x):\\n    return x ** 2|for i in range(10): print(i)
let s = `a${b}c`;|SELECT * FROM t WHERE a = 'b';|#include <stdio.h>|x => x?.y ?? z|a/*b*/c//d|\\\\n is not a line feed|~`!@#$%^&*()_+-=
don’t|l’été|rock ’n’ roll|e.g. i.e. etc.|Mr. Smith vs. Dr. Who|a,b;c:d|(nested (brackets) [here] {too})|1/2 1:2 1-2 1_2|0x1F 0b101 1e-9
ABCdefGHI123jkl456|aaaaaaaaaaaaaaaaaaaa|abababababab|xyzzyxyzzy|qqqqqq zzz|the the the the|word-word--word|…—…|°C µm Ω|ﬁ ﬂ ligatures|ﷺ
e\u0301 vs é|n\u0303 vs ñ|A\u030a vs Å|\u1100\u1161 vs 가|Ǆ ǅ ǆ|ſ long s|℀ ℃ ㎏|①②③|ⅣⅨ|™ ® ©|a\u0308\u0304\u0331
""".strip().replace("<|", "<¦").replace("|>", "¦>").replace("\n", "|").split("|")
_SPACES = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " a", "  a", "   a", "a ", "a  ", "a   b", " a  b   c ", "\ta", "a\tb",
    "\n a", "a\n", "a\n\nb", "a\r\nb", "a \n b", "\n\n\na", "  \n  a", "a\u00a0b", "a\u2003b", "a\u3000b", "a\u200bb",
    "a\u2028b", "\ufeffa", "a\ufeffb", "a\u200db", "a\u00adb", "    indented\n        more\n", "a" + " " * 20 + "b", "tab\t\ttab",
    "trailing\n", " \t \n mixed", "a\u1680b", "a\u202fb", "▁", "▁a ▁b", "a▁b",
]
_CONTROLS = [
    "a\u0000b", "a\u0001b", "a\u0007b", "a\u0008b", "a\u000bb", "a\u000cb", "a\u001bb", "\u001b[31mred\u001b[0m", "a\u007fb",
    "a\u0080b", "a\u0085b", "a\u009fb", "a\u001cb", "\u200e\u200fa", "\u202eabc\u202c", "a\ufffdb", "\ue000private", "a\u2060b",
]
_WORDS = ["kettle", "Bäckerei", "мост", "桥梁", "🌉", "gardens"]
_JOINS = [" ", "  ", "-", "", "\n", ", "]


def texts() -> list[str]:
    plain = [text.replace("¦", "|").replace("\\n", "\n") for text in _PLAIN]
    joined = [f"{a}{join}{b}" for join in _JOINS for a, b in itertools.islice(itertools.permutations(_WORDS, 2), 0, 30, 5)]
    long = ["The garden beside the mill changed hands. " * 3, "ab" * 60, "日本" * 20, "1234567890" * 3]
    return list(dict.fromkeys([*plain, *_SPACES, *_CONTROLS, *joined, *long]))
