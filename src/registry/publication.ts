/** Where all published weights come from. */
export const PUBLICATION = {
  license: 'Apache-2.0',
  paper: 'https://arxiv.org/abs/2212.11696',
  origin: 'https://github.com/megvii-research/RevCol',
} as const;
