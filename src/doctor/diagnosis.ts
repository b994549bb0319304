import type { ConvertError, ErrorCode } from '../error.ts';
import { transportFailure } from '../source/http/failure.ts';

export type StepName =
  | 'resolve'
  | 'connect'
  | 'tls'
  | 'api'
  | 'credentials'
  | 'authenticate'
  | 'manifest'
  | 'layer'
  | 'data-host';

export interface Step {
  readonly name: StepName;
  /** `warning`: pulling works, but not as well as it could. */
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What was found, or why the step failed or was skipped, in plain words. */
  readonly text: string;
  readonly milliseconds: number;
  /** Of a step that failed. */
  readonly code?: ErrorCode;
  readonly hint?: string;
}

/** What a step found; `value` is for those after it. */
export interface Finding<T = never> {
  readonly text: string;
  readonly status?: 'warning' | 'skipped';
  readonly value?: T;
}

/** Nothing to be done at a step, and why. */
export function skipped(text: string): Finding {
  return { status: 'skipped', text };
}

export interface Steps {
  /** So far, in order. */
  readonly list: readonly Step[];
  /** Of the step that failed. */
  failure(): ConvertError | undefined;
  /** Does a step, unless one before it failed. `action` is how a failure's sentence begins. */
  run<T>(name: StepName, action: string, work: () => Promise<Finding<T>>): Promise<T | undefined>;
}

export interface StepsOptions {
  /** Told when each step is over. */
  readonly onStep?: (step: Step) => void;
  readonly signal?: AbortSignal;
}

/** Does steps one after the other and keeps what comes of them. A defect or an abort is thrown. */
export function createSteps({ onStep, signal }: StepsOptions): Steps {
  const list: Step[] = [];
  let failure: ConvertError | undefined;

  function end(step: Step): void {
    list.push(step);
    onStep?.(step);
  }

  return {
    list,
    failure: () => failure,
    async run(name, action, work) {
      const started = performance.now();
      const taken = () => Math.round(performance.now() - started);
      if (failure !== undefined) {
        end({ name, status: 'skipped', text: 'an earlier step failed', milliseconds: 0 });
        return undefined;
      }
      try {
        const { status = 'ok', text, value } = await work();
        end({ name, status, text, milliseconds: taken() });
        return value;
      } catch (cause) {
        const { error } = transportFailure(cause, action, signal);
        failure = error;
        const { code, message: text, hint } = error;
        const milliseconds = taken();
        end({ name, status: 'failed', text, milliseconds, code, ...(hint && { hint }) });
        return undefined;
      }
    },
  };
}
