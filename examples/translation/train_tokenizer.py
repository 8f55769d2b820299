"""Trains tokenizer.json, the byte-level BPE of the translation example.

    npx tsx examples/translation/print_training_text.ts > text.txt
    pip install tokenizers==0.23.2
    python examples/translation/train_tokenizer.py text.txt examples/translation/tokenizer.json

One vocabulary for both languages, of 2000 tokens. Placeholders such as {0} are cut out first, with
the space before them, so that each becomes a token of its own. Every byte is a token as well: any
text can be encoded, and decodes to itself. 0 is padding, 1 starts a sequence, 2 ends it.
"""

import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

text, output = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(r" ?\{\d+\}"), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ]
)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train(
    [text],
    trainers.BpeTrainer(
        vocab_size=2000,
        min_frequency=2,
        special_tokens=["<padding>", "<start>", "<end>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    ),
)
tokenizer.save(output, pretty=False)
