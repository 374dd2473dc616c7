import type {Config} from '../config/schema.js';
import type {GateSettings} from '../gate/policy.js';
import {type GateResult, type GateSide, runGate} from '../gate/run-gate.js';
import {gateChecks} from './gate-plan.js';

export interface ProductGate {
  readonly stage: 'candidate' | 'live';
  /** Which components are judged; a component that was not touched is left out of a comparison, not out of the checks. */
  readonly candidate: GateSide;
  readonly baseline?: GateSide;
  readonly signal: AbortSignal;
  /** A secret that a check names, by its variable. */
  readonly resolveSecret: (name: string) => string | undefined;
  readonly progress: (line: string) => void;
  /** Wins over the file. */
  readonly policy?: GateSettings;
}

/** Gates a product with the checks and the policy of its configuration. A red verdict is a result, not an error. */
export function gateProduct(config: Config, gate: ProductGate): Promise<GateResult> {
  return runGate({
    policy: {...config.gate, ...gate.policy},
    checks: gateChecks(config.checks, {}, liveUrls(config)),
    stage: gate.stage,
    candidate: gate.candidate,
    ...(gate.baseline && {baseline: gate.baseline}),
    signal: gate.signal,
    progress: gate.progress,
    resolveSecret: gate.resolveSecret,
  });
}

/** Where users reach the product. */
export function liveUrls(config: Config): GateSide['urls'] {
  return {
    ...(config.frontend && {frontend: config.frontend.url}),
    ...(config.backend && {backend: config.backend.url}),
  };
}
