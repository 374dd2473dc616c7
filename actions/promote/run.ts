import {formatDuration} from '../../src/kernel/duration.js';
import {Failure, refusal} from '../../src/kernel/errors.js';
import type {Component, Promotion} from '../../src/platforms/platform.js';
import {openPlatforms} from '../../src/release/connection.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {readMaintenance} from '../../src/release/maintenance-window.js';
import {readProduct} from '../../src/release/product.js';
import {cell, code, link, oneLine, table} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type PromoteInputs = Inputs<typeof spec>;

export async function run(inputs: PromoteInputs, runner: Run): Promise<Report<typeof spec>> {
  const {config} = await readProduct(
    inputs,
    runner.env['GITHUB_WORKSPACE'] ?? process.cwd(),
    runner.env['GITHUB_REPOSITORY'],
  );
  const targets = targetsOf(inputs);
  if (targets.length === 0) {
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'inputs `frontend-deployment` and `backend-deployment`',
        what: 'are both missing',
        remedy: 'Pass the `deployment-id` output of the deploy step',
      },
    ]);
  }
  const platforms = await openPlatforms(
    config,
    inputs,
    targets.map(([component]) => component),
    {mask: runner.maskFound},
  );
  const ledger = await openLedger(config, inputs, runner);
  // A pin may have been left after this release started: it is asked again at the last moment.
  const pin = inputs.pinned ? 'it was pinned when the release started' : await pinOf(inputs, ledger);
  if (pin) {
    return {
      outputs: {promoted: false, changed: false},
      summary: `## 📌 Not promoted: a rollback left a pin\n\n${cell(pin)}. The deployment is staged and stays there.\n`,
      failure: new Failure('PINNED', `Not promoted, since a rollback left a pin: ${oneLine(pin)}`, {
        remedy:
          'Release the pin with the rollback workflow (component: unpin) once the cause is fixed, then release again.',
      }),
    };
  }
  const promotions: Array<readonly [Component, Promotion]> = [];
  // The backend first: it is only verified, and a frontend must never go live over a backend that is not there.
  for (const [component, deploymentId] of targets) {
    const platform = platforms[component];
    if (!platform)
      throw new Failure('NOT_CONFIGURED', `The configuration describes no ${component}`, {
        remedy: `Add \`${component}\` to ${inputs.config}, or leave the input out.`,
      });
    if (component === 'frontend')
      await ledger.append(inputs['ledger-id'], 'intent', {do: 'promote', frontend: deploymentId});
    const timeoutMs = inputs.timeout ?? 180_000;
    promotions.push([
      component,
      await platform.promote(deploymentId, {
        signal: runner.signal,
        timeoutMs,
        progress: (line) => runner.log(oneLine(line)),
      }),
    ]);
  }
  await ledger.append(inputs['ledger-id'], 'promoted', Object.fromEntries(targets));
  return report(promotions, runner);
}

/** A pin keeps new releases out; what a recovery brings back in its open window is none. */
async function pinOf({recovery}: PromoteInputs, ledger: LedgerAccess): Promise<string | undefined> {
  if (recovery && (await readMaintenance(ledger.store)).record?.release === recovery) return undefined;
  return ledger.activePin();
}

function targetsOf(inputs: PromoteInputs): Array<readonly [Component, string]> {
  return [
    ...(inputs['backend-deployment'] ? [['backend', inputs['backend-deployment']] as const] : []),
    ...(inputs['frontend-deployment'] ? [['frontend', inputs['frontend-deployment']] as const] : []),
  ];
}

function report(promotions: ReadonlyArray<readonly [Component, Promotion]>, runner: Run): Report<typeof spec> {
  const hosts = promotions.flatMap(([component, promotion]) => promotion.hosts.map((host) => ({component, ...host})));
  for (const {host, deploymentId} of hosts) runner.log(`${host} serves ${deploymentId}, read back`);
  const durationMs = promotions.reduce((sum, [, promotion]) => sum + promotion.durationMs, 0);
  return {
    outputs: {
      promoted: true,
      changed: promotions.some(([, promotion]) => promotion.changed),
      hosts: JSON.stringify(hosts),
      'duration-ms': Math.round(durationMs),
    },
    summary: [
      `## ✅ Promoted in ${formatDuration(durationMs)}`,
      '',
      table(
        ['component', 'host', 'serves, as read back'],
        hosts.map(({component, host, deploymentId}) => [component, link(host, `https://${host}`), code(deploymentId)]),
      ),
      '',
    ].join('\n'),
  };
}
