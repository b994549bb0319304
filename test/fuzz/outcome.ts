import { ConvertError } from '../../src/error.ts';
import { StoreError } from '../../store/index.ts';

/** The code of an error of ours that is among `codes`. @throws any other error, as it is. */
export function refusal(error: unknown, codes: readonly string[]): string {
  const isOurs = error instanceof StoreError || error instanceof ConvertError;
  if (isOurs && codes.includes(error.code)) return error.code;
  throw error;
}

/** `accepted` when `use` returns, or the code of an error of ours that is among `codes`. */
export async function outcomeOf(codes: readonly string[], use: () => unknown): Promise<string> {
  try {
    await use();
    return 'accepted';
  } catch (error) {
    return refusal(error, codes);
  }
}
