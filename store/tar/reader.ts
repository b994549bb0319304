import { Buffer } from 'node:buffer';
import type { Entry, EntryPath } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { createPlainDigest, createSparseDigest } from './content.ts';
import { createCosts, runCost } from './costs.ts';
import { corruptTar, tarOverLimit } from './error.ts';
import { blockSize, type Header, isHeader, parseHeader } from './header.ts';
import { type Extension, type Member, mergeMember } from './member.ts';
import { markerOf } from './path.ts';
import { parsePax } from './pax.ts';
import { createBodyMap, extentsOf, parseGnuMapBlock, type Run } from './sparse.ts';
import { createSteps, gather, isZero, padded, padding, pass, type Step, skip } from './steps.ts';

export interface TarReader {
  /** Takes the next bytes. They are not kept: the buffer may be used again. */
  push(chunk: Uint8Array): void;
  /** Says that there are no more. @throws StoreError `LAYER_CORRUPT` when the tar is cut off. */
  end(): void;
}

/** Takes the bytes of a file in the reader's place. */
export interface FileTaker {
  /** The buffer may be used again. */
  bytes(bytes: Uint8Array): void;
  end(): void;
}

/**
 * Reads a tar pushed to it in pieces of any size and tells `handler` of each entry once its bytes
 * have gone by. Reads v7, ustar, PAX and GNU archives and all their sparse files with the meaning
 * Go's archive/tar gives them, because that is what runs layers elsewhere; so a PAX global header
 * is checked but changes nothing, and reading ends at the first pair of zero blocks.
 * Files for which `take` gives a taker are not told to `handler`, and not hashed; those with holes
 * are not offered to it.
 * @throws StoreError from `push` and `end`: `LAYER_CORRUPT`, `LAYER_LIMIT`, with the position.
 */
export function createTarReader(
  handler: (entry: Entry) => void,
  limits: Limits,
  take?: (path: EntryPath, size: number) => FileTaker,
): TarReader {
  const costs = createCosts(limits);
  let extension: Extension = {};

  const header: Step = { kind: 'gather', length: blockSize, take: onHeader, mayEnd: true };
  const secondZero: Step = { kind: 'gather', length: blockSize, take: onSecondZero, mayEnd: true };
  const { push, position, mayEnd } = createSteps(header);

  function onHeader(block: Buffer): Step {
    if (isZero(block)) {
      return secondZero;
    }
    const parsed = parseHeader(block, position() - blockSize);
    switch (parsed.type) {
      case 'x':
        return extended(parsed, (body) => ({ ...extension, pax: parsePax(body, parsed.position) }));
      case 'g':
        return extended(parsed, (body) => {
          parsePax(body, parsed.position);
          return {};
        });
      case 'L':
        return extended(parsed, (body) => ({ ...extension, name: untilNul(body) }));
      case 'K':
        return extended(parsed, (body) => ({ ...extension, link: untilNul(body) }));
      default:
        if (isVolumeLabel(parsed) && !isDangling()) return header;
        return onMember(parsed);
    }
  }

  function onSecondZero(block: Buffer): Step {
    if (!isZero(block)) {
      const at = position() - blockSize;
      throw corruptTar(at, 'a header after a single zero block', 'a second one');
    }
    refuseDangling();
    return { kind: 'drain' };
  }

  /** The body of an extended header, whole: it is small, or it is refused. */
  function extended({ size, position: at }: Header, read: (body: Buffer) => Extension): Step {
    if (size > limits.extendedHeader) {
      const found = `an extended header of ${size} bytes`;
      throw tarOverLimit(at, found, limits, 'extendedHeader', size);
    }
    return gather(padded(size), (body) => {
      extension = read(body.subarray(0, size));
      return header;
    });
  }

  function onMember(parsed: Header): Step {
    const member = mergeMember(parsed, extension, limits);
    extension = {};
    const { entry, stored, cost } = member;
    costs.member(cost, member.position);
    if (entry.kind === 'file') return fileStep(member);
    emit(member, entry);
    return stored === 0 ? header : claimedBody(stored);
  }

  /**
   * A hard link that claims a body has one or not: POSIX lets pax write it (`linkdata`), old writers
   * put the size of the target there. Go and GNU tar take it that there is none. So a next block that
   * can be one of the tar's own is: whatever they read to its end is read here as they read it, and
   * nothing can be hidden in a body from them or from us. Where they would fail, it is a body.
   */
  function claimedBody(size: number): Step {
    const takeFirst = (block: Buffer) =>
      isZero(block) || isHeader(block) ? onHeader(block) : skip(padded(size) - blockSize, header);
    return { kind: 'gather', length: blockSize, take: takeFirst, mayEnd: true };
  }

  function fileStep(member: Member): Step {
    const { sparse, stored } = member;
    switch (sparse?.kind) {
      case undefined:
        return plainFile(member);
      case 'pax':
        return sparseFile(member, sparse.realSize, sparse.runs, stored);
      case 'body':
        return mapInBody(member, sparse.realSize);
      case 'gnu':
        return sparse.continues
          ? mapInBlocks(member, sparse.realSize, sparse.runs)
          : sparseFile(member, sparse.realSize, sparse.runs, stored);
    }
  }

  function mapInBody(member: Member, realSize: number): Step {
    const map = createBodyMap(member.position, limits);
    const before = position();
    const next: Step = gather(blockSize, (block) => {
      const runs = map(block);
      if (runs === undefined) return next;
      return sparseFile(member, realSize, runs, member.stored - (position() - before));
    });
    return next;
  }

  function mapInBlocks(member: Member, realSize: number, first: readonly Run[]): Step {
    const runs = [...first];
    const next: Step = gather(blockSize, (block) => {
      const more = parseGnuMapBlock(block, member.position);
      runs.push(...more.runs);
      if (runs.length * runCost > limits.extendedHeader) {
        const found = `a sparse map of ${runs.length * runCost} bytes`;
        throw tarOverLimit(member.position, found, limits, 'extendedHeader');
      }
      return more.continues ? next : sparseFile(member, realSize, runs, member.stored);
    });
    return next;
  }

  function plainFile(member: Member): Step {
    const { entry, stored: size } = member;
    const taker = take?.(member.path, size);
    if (taker !== undefined) return body(size, taker.bytes, taker.end);
    const content = createPlainDigest(size);
    const offset = position();
    return body(size, content.update, () => {
      emit(member, { ...entry, kind: 'file', size, offset, digest: content.digest() });
    });
  }

  function sparseFile(member: Member, size: number, runs: readonly Run[], stored: number): Step {
    const { entry, position: at } = member;
    const offset = position();
    const extents = extentsOf(runs, size, offset, stored, at);
    costs.sparse(extents.length, size - stored, at);
    const content = createSparseDigest(size, extents);
    return body(stored, content.update, () => {
      emit(member, { ...entry, kind: 'file', size, offset, digest: content.digest(), extents });
    });
  }

  function body(size: number, take: (bytes: Buffer) => void, end: () => void): Step {
    return pass(size, take, () => {
      end();
      return padding(size, header);
    });
  }

  function emit({ path, position: at }: Member, entry: Entry): void {
    const marker = markerOf(path, at);
    if (marker !== 'aufs') {
      handler(marker ?? entry);
    }
  }

  function isDangling(): boolean {
    return Object.keys(extension).length > 0;
  }

  function refuseDangling(): void {
    if (isDangling()) {
      const wanted = 'the member it speaks of';
      throw corruptTar(position(), 'the end after an extended header', wanted);
    }
  }

  return {
    push,
    end() {
      if (!mayEnd()) {
        const found = 'the end of the tar in the middle of a member';
        throw corruptTar(position(), found, 'the rest of it');
      }
      refuseDangling();
    },
  };
}

/** The name of a volume, which GNU tar writes first (`--label`): nothing that is packed. */
function isVolumeLabel({ type, size }: Header): boolean {
  return type === 'V' && size === 0;
}

/** A copy: the body it is taken from may be overwritten. */
function untilNul(body: Buffer): Buffer {
  const end = body.indexOf(0);
  return Buffer.from(end === -1 ? body : body.subarray(0, end));
}
