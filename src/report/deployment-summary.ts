import {formatDuration} from '../kernel/duration.js';
import {cell, code, codeBlock, link, table} from './text.js';

/** The parts of a deployment that are shown; `Deployment` of src/platforms fits it. */
interface ShownDeployment {
  readonly component: string;
  readonly deploymentId: string;
  readonly outcome: string;
  readonly staged: boolean;
  readonly adopted: boolean;
  readonly url?: string;
  readonly inspectUrl?: string;
  readonly durationMs: number;
  readonly reason?: {readonly message: string; readonly remedy: string; readonly logTail: readonly string[]};
  readonly warnings: readonly string[];
}

export function deploymentSummary(deployment: ShownDeployment, commit: string): string {
  const good = deployment.outcome === 'ready';
  const state = good ? (deployment.staged ? 'ready, users do not see it yet' : 'live') : deployment.outcome;
  const rows = [
    ['deployment', code(deployment.deploymentId)],
    ['commit', code(commit.slice(0, 12))],
    ['state', cell(state)],
    ['took', formatDuration(deployment.durationMs)],
    ...(deployment.adopted ? [['made by', 'an earlier try of this release; taken over']] : []),
    ...(deployment.url ? [['answers at', link(deployment.url, deployment.url)]] : []),
    ...(deployment.inspectUrl ? [['build and logs', link('on the platform', deployment.inspectUrl)]] : []),
  ];
  return [
    `## ${good ? '✅' : '❌'} Deploy ${deployment.component}: ${cell(state)}`,
    '',
    table(['', ''], rows),
    '',
    ...deployment.warnings.map((warning) => `> ⚠️ ${cell(warning)}\n`),
    ...(deployment.reason
      ? [
          `**${cell(deployment.reason.message, 600)}**`,
          '',
          ...(deployment.reason.logTail.length ? [codeBlock(deployment.reason.logTail.join('\n'))] : []),
        ]
      : []),
  ].join('\n');
}
