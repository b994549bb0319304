import type { Kernel } from '../../osv/kernel.ts';

/** What a command that takes a kernel in says of it. */
export function describeKernel({
  name,
  version,
  architecture,
  symbols,
  loader,
  elf,
}: Kernel): string {
  const forms = [loader && 'loader.img', elf && 'ELF'].filter((form) => form !== undefined);
  const facts = [...(version === undefined ? [] : [version]), architecture, `${symbols} symbols`];
  return `${name}: ${[...facts, forms.join(' and ')].join(', ')}`;
}
