/** `text` as one word of a command in a hint: what an image or a folder is called must do nothing in a shell. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
