import type {Config} from '../config/schema.js';
import type {CheckDefinition, GateSettings} from '../gate/policy.js';
import {type GateResult, type GateSide, runGate} from '../gate/run-gate.js';

export interface ProductGate {
  readonly stage: 'candidate' | 'live';
  /** Which components are judged; a component that was not touched is left out of a comparison, not out of the checks. */
  readonly candidate: GateSide;
  readonly baseline?: GateSide;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
  /** Wins over the file. */
  readonly policy?: GateSettings;
}

/** Gates a product with the checks and the policy of its configuration. A red verdict is a result, not an error. */
export function gateProduct(config: Config, gate: ProductGate): Promise<GateResult> {
  return runGate({
    policy: {...config.gate, ...gate.policy},
    checks: checksOf(config),
    stage: gate.stage,
    candidate: gate.candidate,
    ...(gate.baseline && {baseline: gate.baseline}),
    signal: gate.signal,
    progress: gate.progress,
    resolveSecret: (name) => gate.env[name],
  });
}

/** The configured checks; without any, each component must at least answer at its root. */
export function checksOf(config: Config): CheckDefinition[] {
  if (config.checks.length) return config.checks;
  return (['frontend', 'backend'] as const)
    .filter((component) => config[component])
    .map((component) => ({
      name: `${component} answers`,
      kind: 'http',
      target: component,
      path: '/',
      expect: {status: range(200, 399)},
    }));
}

/** Where users reach the product. */
export function liveUrls(config: Config): GateSide['urls'] {
  return {
    ...(config.frontend && {frontend: config.frontend.url}),
    ...(config.backend && {backend: config.backend.url}),
  };
}

function range(from: number, to: number): number[] {
  return Array.from({length: to - from + 1}, (_, i) => from + i);
}
