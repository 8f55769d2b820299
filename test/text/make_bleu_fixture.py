"""Makes bleu.json: what sacreBLEU says of some translations.

    pip install sacrebleu==2.6.0
    python test/text/make_bleu_fixture.py > test/text/bleu.json
"""

import json

from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

CORPORA = {
    "close": (
        [
            "Das JSX-Element \"{0}\" weist kein schließendes Tag auf.",
            "Der Typ '{0}' kann nicht zugewiesen werden, 3.5-mal und 1,000.",
            "Erwartet wurde ';' &amp; nicht &quot;,&quot;.",
        ],
        [
            "Das JSX-Element \"{0}\" weist kein entsprechendes schließendes Tag auf.",
            "Der Typ '{0}' kann dem Typ '{1}' nicht zugewiesen werden, 3.5-mal und 1,000.",
            "Es wurde ';' & nicht \",\" erwartet.",
        ],
    ),
    "perfect": (["eins zwei drei vier fünf"], ["eins zwei drei vier fünf"]),
    "too_long": (
        ["the the the the the the cat is on the mat again", "a b c d e f"],
        ["the cat is on the mat", "a b c d"],
    ),
    "few_matches": (["ein Hund bellt laut heute", "gar nichts davon"], ["eine Katze schläft heute", "x"]),
    "no_match": (["a b c d e"], ["v w x y z"]),
    "short": (["a b"], ["a b"]),
    "empty": (["", "a b c d e"], ["a b", "a b c d f"]),
    "nothing": ([""], ["a b"]),
}

tokenizer = Tokenizer13a()
cases = []
for name, (translations, references) in CORPORA.items():
    bleu = BLEU().corpus_score(translations, [references])
    cases.append(
        {
            "name": name,
            "translations": translations,
            "references": references,
            "score": bleu.score,
            "precisions": bleu.precisions,
            "brevityPenalty": bleu.bp,
            "length": bleu.sys_len,
            "referenceLength": bleu.ref_len,
            "tokens": [tokenizer(t.rstrip()).split() for t in translations],
        }
    )
print(json.dumps(cases, ensure_ascii=False, indent=2))
