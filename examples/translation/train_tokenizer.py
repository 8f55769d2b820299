"""Trains tokenizer.json, the byte-level BPE of the translation example.

    npx tsx examples/translation/print_training_text.ts > text.txt
    pip install tokenizers==0.23.2
    python examples/translation/train_tokenizer.py text.txt examples/translation/tokenizer.json

One vocabulary for both languages, of 2000 tokens. Merges stay within words, numbers, punctuation and
placeholders such as {0}, each with the space before it, so that a placeholder becomes a token of its
own. Every byte is a token as well: any text can be encoded, and decodes to itself. 0 is padding, 1
starts a sequence, 2 ends it.
"""

import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

PIECES = r" ?\{\d+\}| ?\p{L}+| ?\p{N}+| ?(?:(?!\{\d+\})[^\s\p{L}\p{N}])+|\s+(?!\S)|\s+"

text, output = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
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
