/** In `key=value,…` a comma is doubled (qemu(1), "-drive"). */
export function escapeValue(text: string): string {
  return text.replaceAll(',', ',,');
}
