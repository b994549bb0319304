import { readdir, readFile, readlink } from 'node:fs/promises';

/** The processes whose current folder is `folder` or below it, or was until that was removed. */
export async function processesIn(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const inside = await Promise.all(
    pids.map(async (pid) => {
      try {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
        const cwd = await readlink(`/proc/${pid}/cwd`);
        return !/\) Z /.test(stat) && `${cwd}/`.startsWith(`${folder}/`);
      } catch {
        // It has ended meanwhile, or is another's.
        return false;
      }
    }),
  );
  return pids.filter((_, at) => inside[at]);
}
