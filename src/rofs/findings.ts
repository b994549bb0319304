/** What is looked for: how bad it is, and what the kernel makes of it. */
export interface Rule {
  /** `error`: it contradicts itself, or does not mount. `warning`: it mounts, and will surprise. */
  readonly severity: 'error' | 'warning';
  readonly why: string;
}

/** One thing that is wrong. */
export interface FsckFinding<Id extends string = string> extends Rule {
  readonly rule: Id;
  /** Where, in bytes from the start of what was looked at; undefined for no place in particular. */
  readonly offset: number | undefined;
  /** What was found, and what was wanted. */
  readonly text: string;
  /** How many more of the kind there are, where this is the last that is told. */
  readonly more: number;
}

export interface Findings<Id extends string> {
  /** `text` is made only where it will be told. */
  add(rule: Id, offset: number | undefined, text: () => string): void;
  has(rule: Id): boolean;
  /** In the order of the table, those of one rule as they came. */
  list(): readonly FsckFinding<Id>[];
}

/** Of each rule. A disk can be wrong in a million places. */
const maxTold = 20;

export function createFindings<Id extends string>(rules: Readonly<Record<Id, Rule>>): Findings<Id> {
  const met = new Map<Id, { readonly told: FsckFinding<Id>[]; count: number }>();
  const of = (rule: Id) => {
    const known = met.get(rule) ?? { told: [], count: 0 };
    met.set(rule, known);
    return known;
  };

  return {
    add(rule, offset, text) {
      const one = of(rule);
      one.count += 1;
      if (one.told.length >= maxTold) return;
      one.told.push({ rule, ...rules[rule], offset, text: text(), more: 0 });
    },
    has: (rule) => met.has(rule),
    list: () =>
      (Object.keys(rules) as Id[]).flatMap((rule) => {
        const { told, count } = met.get(rule) ?? { told: [], count: 0 };
        return told.map((one, at) =>
          at === told.length - 1 ? { ...one, more: count - told.length } : one,
        );
      }),
  };
}
