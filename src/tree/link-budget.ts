import { ConvertError } from '../error.ts';

/** In characters of targets. Real images need a tenth of it: few of their entries lie behind links. */
const perEntry = 128;
const atLeast = 2 ** 24;

/**
 * Counts what is followed of link targets, which is told to the function that comes back, while so many
 * entries are placed in a tree. Forty links of 4095 characters may lead to one file, and a few kilobytes
 * of a layer name a million files behind them: that would take an hour.
 * @throws ConvertError, from that function, `LAYER_LIMIT`.
 */
export function createLinkBudget(entries: number): (target: string) => void {
  const most = atLeast + perEntry * entries;
  let followed = 0;
  return (target) => {
    followed += target.length;
    if (followed <= most) return;
    throw new ConvertError(
      'LAYER_LIMIT',
      `following links in the parents of ${entries} entries: found targets of ${followed} characters ` +
        `so far, wanted at most ${most}`,
    );
  };
}
