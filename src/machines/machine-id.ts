import { ConvertError } from '../error.ts';

/** The name of a machine, unique below its root; a plain name of a file that begins with no dot. */
export type MachineId = string & { readonly brand: 'MachineId' };

const wanted = 'a letter or digit, then up to 127 of letters, digits and _ . + -';

/** @throws ConvertError `USAGE`. */
export function parseMachineId(text: string): MachineId {
  if (isMachineId(text)) return text;
  const found = JSON.stringify(text.slice(0, 160));
  throw new ConvertError(
    'USAGE',
    `reading the name of a machine: found ${found}, wanted ${wanted}`,
    {
      hint: 'osv-convert list',
    },
  );
}

export function isMachineId(text: string): text is MachineId {
  return /^[A-Za-z0-9][\w.+-]{0,127}$/.test(text);
}
