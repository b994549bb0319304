import { readFile, stat } from 'node:fs/promises';
import { createValidator } from '../schemas/index.ts';
import { decodeName } from '../store/index.ts';
import type { Partition } from './disk/mbr.ts';
import { partsOf } from './osv/command-line-edit.ts';
import { parseCommandLine } from './osv/command-line-parse.ts';
import type { Kernel } from './osv/kernel.ts';
import { kernelReport, type Report } from './report.ts';

/** Above this no file is taken for a report; one of 100 000 files has some 20 MB. */
const reportCap = 256 << 20;

/** The report at `path`: `none` where no file is, `foreign` where it is none of ours. */
export async function findReport(path: string): Promise<Report | 'none' | 'foreign'> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 'none';
  if (!found.isFile() || found.size > reportCap) return 'foreign';
  try {
    const report: unknown = JSON.parse(await readFile(path, 'utf8'));
    const problem = (await createValidator('report'))(report);
    return problem === undefined ? (report as Report) : 'foreign';
  } catch {
    return 'foreign';
  }
}

/** What an edit of a disk can change of its report. */
export interface Revision {
  readonly commandLine: Uint8Array;
  readonly size: number;
  readonly partition: Partition;
  /** Where it is another one. */
  readonly kernel?: Kernel | undefined;
}

/** The report of the disk as it is now. */
export function revisedReport(report: Report, revision: Revision): Report {
  const { commandLine, size, partition, kernel } = revision;
  const parsed = parseCommandLine(commandLine);
  const parts = 'reason' in parsed ? undefined : partsOf(parsed);
  const [program, ...args] = parts?.programs[0]?.words ?? [report.app.program, ...report.app.args];
  return {
    ...report,
    app: {
      ...report.app,
      program: program ?? report.app.program,
      args,
      workingDirectory: parts?.cwd ?? '/',
    },
    ...(kernel && { kernel: kernelReport(kernel) }),
    disk: { ...report.disk, size, partition },
    commandLine: decodeName(commandLine),
    ...(parts && { env: Object.fromEntries(parts.env) }),
  };
}
