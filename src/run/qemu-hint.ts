/** What to type when QEMU ended with these words, where that is known: an option of `ConvertError`. */
export function hintFor(talk: string): { readonly hint?: string } {
  return talk.includes('host forwarding') ? { hint: 'see what has the port: ss -ltnup' } : {};
}
