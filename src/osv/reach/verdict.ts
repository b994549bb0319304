import type { Unused } from '../../dotnet/unused.ts';

/** What a file is kept for. */
export type KeptFor = 'app' | 'runtime' | 'native-library' | 'system-data' | 'own-files' | 'asked';

/** Why a file is left out. */
export type DroppedFor = Unused | 'distribution' | 'other-runtime' | 'other-collector' | 'asked';

export type Verdict = { readonly kept: KeptFor } | { readonly dropped: DroppedFor };
