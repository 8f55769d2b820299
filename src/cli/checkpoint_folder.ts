/** Where `train` keeps what it goes on from. */

/** Folder of the states that training goes on from, in that of the model. */
export const CHECKPOINT = 'checkpoint';
