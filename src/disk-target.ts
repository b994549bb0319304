import { type DiskFormat, formatOfName, type OutputFormat } from './disk/formats.ts';
import { ConvertError } from './error.ts';
import { formatReference, parseReference } from './oci/reference.ts';

/** Where a disk goes. */
export type DiskOutput =
  | { readonly format: DiskFormat; readonly path: string }
  | { readonly format: 'containerdisk'; readonly name: string };

const transport = 'store:';

/**
 * Reads where a disk is to go: `store:NAME`, or a file, whose name tells the format where none is given.
 * @throws ConvertError `USAGE` where format and place do not fit, or a name tells of what is not written;
 * `REFERENCE_INVALID` for a name that is none.
 */
export function parseDiskOutput(text: string, format?: OutputFormat): DiskOutput {
  const isStore = text.startsWith(transport);
  if (isStore && (format ?? 'containerdisk') === 'containerdisk') {
    const name = formatReference(parseReference(text.slice(transport.length)));
    return { format: 'containerdisk', name };
  }
  if (!isStore && format !== 'containerdisk') {
    return { format: format ?? formatOfName(text), path: text };
  }
  throw new ConvertError(
    'USAGE',
    `writing the disk: found the format ${format} with the output ${JSON.stringify(text.slice(0, 160))}, ` +
      'wanted containerdisk with store:NAME, or another format with a file',
    { hint: isStore ? 'leave --format out' : 'osv-convert build REF -o store:NAME' },
  );
}
