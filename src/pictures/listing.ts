/** Listing folders of pictures, in Node. */
import { messageOf } from '../common/messages';

/**
 * Does what a listing is made of, such as `readdir`.
 *
 * @param shown the folder, as errors name it
 * @param instead says what there is in its place
 * @throws {Error} that names the folder, when that fails
 */
export async function listing<T>(
  shown: string,
  work: () => Promise<T>,
  instead: () => Promise<string> = async () => '',
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${shown} cannot be listed: ${messageOf(error)}${await instead()}`, {
      cause: error,
    });
  }
}
