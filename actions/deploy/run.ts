import {tmpdir} from 'node:os';
import {resolve} from 'node:path';
import {formatDuration} from '../../src/kernel/duration.js';
import {Failure} from '../../src/kernel/errors.js';
import type {Deployment, Platform} from '../../src/platforms/platform.js';
import {commitFolder} from '../../src/release/commit-tree.js';
import {openDeployer} from '../../src/release/deployers.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {readProduct} from '../../src/release/product.js';
import {deploymentSummary} from '../../src/report/deployment-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type DeployInputs = Inputs<typeof spec>;

export async function run(inputs: DeployInputs, runner: Run): Promise<Report<typeof spec>> {
  const {component} = inputs;
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  if (!config[component]) {
    throw new Failure('NOT_CONFIGURED', `The configuration describes no ${component}`, {
      remedy: `Add \`${component}\` to ${inputs.config}, or leave this step out.`,
    });
  }
  if (inputs.pinned && component === 'backend') {
    throw new Failure('PINNED', 'A rollback left a pin, so the backend is not deployed', {
      remedy:
        'Release the pin with the rollback workflow (component: unpin) once the cause is fixed, then release again.',
    });
  }
  const platform = await openDeployer(config, inputs, component, {mask: runner.maskFound});
  const ledger = await openLedger(config, inputs, runner);
  const commit = inputs.commit ?? runner.env['GITHUB_SHA'] ?? '';
  const timeoutMs = inputs.timeout ?? config[component]!['deploy-timeout'];

  await using tree = inputs['from-commit'] ? await filesOf(commit, root, runner) : undefined;
  await ledger.append(inputs['ledger-id'], 'intent', {do: 'deploy', on: component});
  const deployment = await runner.group(`Deploying the ${component} to ${platform.name}`, () =>
    platform.deploy(
      {
        commit,
        release: inputs.release ?? `commit-${commit.slice(0, 12)}`,
        path: resolve(tree?.folder ?? root, folderOf(config, inputs, component)),
      },
      {
        signal: runner.signal,
        timeoutMs,
        progress: (line) => runner.log(oneLine(line)),
        // Saved before any wait: the post step cancels it when this process is killed.
        onCreated: (id) => {
          runner.saveState('deployment', id);
          runner.log(`${component} deployment ${id} created`);
        },
      },
    ),
  );
  await stopUndecided(platform, deployment, runner);
  runner.saveState('outcome', deployment.outcome);
  await note(ledger, inputs, deployment);
  return report(deployment, commit);
}

function filesOf(commit: string, root: string, {env, signal, log}: Run) {
  log(`The files of commit ${commit.slice(0, 12)} are taken from git, not from the working folder.`);
  return commitFolder({root, env, signal}, commit, env['RUNNER_TEMP'] ?? tmpdir());
}

function folderOf(
  config: Awaited<ReturnType<typeof readProduct>>['config'],
  inputs: DeployInputs,
  component: 'frontend' | 'backend',
): string {
  return component === 'frontend' ? (inputs['frontend-path'] ?? config.frontend!.path) : config.backend!.path;
}

/** Ends that are none yet: such a deployment could still go live by itself, when nobody looks any more. */
const undecided = ['timed-out', 'blocked', 'awaiting-approval'];

async function stopUndecided(platform: Platform, deployment: Deployment, runner: Run): Promise<void> {
  if (!undecided.includes(deployment.outcome)) return;
  const progress = (line: string) => runner.log(oneLine(line));
  const stopped = await platform.cancel(deployment.deploymentId, {signal: runner.signal, progress});
  runner.log(
    stopped
      ? `Cancelled ${deployment.deploymentId}, so that it cannot go live later.`
      : `${deployment.deploymentId} had already ended.`,
  );
}

async function note(ledger: LedgerAccess, inputs: DeployInputs, deployment: Deployment): Promise<void> {
  const kind = deployment.outcome !== 'ready' ? 'note' : deployment.staged ? 'staged' : 'deployed';
  await ledger.append(inputs['ledger-id'], kind, {
    [deployment.component]: deployment.deploymentId,
    ...(kind === 'note' && {outcome: deployment.outcome}),
  });
}

function report(deployment: Deployment, commit: string): Report<typeof spec> {
  const {reason} = deployment;
  const result: Report<typeof spec> = {
    outputs: {
      outcome: deployment.outcome,
      'deployment-id': deployment.deploymentId,
      url: deployment.url,
      'inspect-url': deployment.inspectUrl,
      staged: deployment.staged,
      adopted: deployment.adopted,
      'duration-ms': Math.round(deployment.durationMs),
    },
    summary: deploymentSummary(deployment, commit),
  };
  if (deployment.outcome === 'ready') return result;
  const tail = reason?.logTail.length
    ? `\nLast lines:\n${reason.logTail.map((line) => `  ${oneLine(line)}`).join('\n')}`
    : '';
  return {
    ...result,
    failure: new Failure(
      `DEPLOY_${deployment.outcome.toUpperCase().replace(/-/g, '_')}`,
      `The ${deployment.component} deployment ${deployment.deploymentId} ended as ${deployment.outcome} after ${formatDuration(deployment.durationMs)}${reason ? `: ${oneLine(reason.message)} (${reason.code})` : ''}${tail}`,
      {
        remedy: reason?.remedy ?? `Open ${deployment.inspectUrl ?? 'the deployment on the platform'} and read its log.`,
      },
    ),
  };
}

/** A deployment that this step made and did not see end must not go live by itself after the run is gone. */
export async function cleanUp(inputs: DeployInputs, runner: Run): Promise<void> {
  const deploymentId = runner.state('deployment');
  if (!deploymentId || runner.state('outcome')) return;
  const {config} = await readProduct(
    inputs,
    runner.env['GITHUB_WORKSPACE'] ?? process.cwd(),
    runner.env['GITHUB_REPOSITORY'],
  );
  const platform = await openDeployer(config, inputs, inputs.component, {mask: runner.maskFound});
  const stopped = await platform.cancel(deploymentId, {
    signal: runner.signal,
    progress: (line) => runner.log(oneLine(line)),
  });
  runner.log(
    stopped ? `Cancelled the unfinished deployment ${deploymentId}.` : `Deployment ${deploymentId} had already ended.`,
  );
}
