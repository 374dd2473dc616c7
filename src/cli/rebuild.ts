import type {Outputs, RecoverFlags, Steps} from './recovery-steps.js';

/** What could stop a rebuild half-way; changes nothing. */
export function checkRebuild(steps: Steps, flags: RecoverFlags): Promise<Outputs> {
  return steps.run('Check everything, change nothing', 'rebuild', {
    mode: 'check',
    confirm: flags.confirm,
    release: flags.release,
    since: flags.since,
    set: flags.set,
    'max-age': flags.maxAge,
  });
}

/** The backend and its database in an empty Railway project, in the steps of the action `disaster-rebuild`. */
export async function rebuild(steps: Steps, flags: RecoverFlags, began: Outputs): Promise<void> {
  const reason = `disaster recovery: ${flags.reason ?? 'disaster'}`;
  const page = {components: 'frontend', reason};
  const {window} = await steps.run('Maintenance page on', 'maintenance', {mode: 'on', ...page});
  const built = await steps.run('PostgreSQL, database, backend and addresses', 'rebuild', {
    mode: 'build',
    recovery: window,
    release: flags.release,
    since: began['since'],
    set: began['set-id'],
    owners: flags.owners,
  });
  const release = {release: built['release'], 'ledger-id': built['ledger-id']};
  const what = {...release, commit: began['commit'], 'from-commit': 'true'};
  const there = {'backend-url': built['backend-url']};
  const backend = await steps.run('Deploy the backend', 'deploy', {component: 'backend', ...what, ...there});
  const frontend =
    began['frontend'] === 'true'
      ? await steps.run('Deploy the frontend without users', 'deploy', {component: 'frontend', ...what})
      : undefined;
  const judged = {...release, ...there, commit: began['commit']};
  await steps.run('Gate behind the maintenance page', 'health-gate', {
    stage: 'candidate',
    ...judged,
    'frontend-url': frontend?.['url'],
  });
  await steps.run('Open the product', 'promote', {
    recovery: window,
    ...release,
    ...there,
    'frontend-deployment': frontend?.['deployment-id'],
    'backend-deployment': backend['deployment-id'],
  });
  await steps.run('Maintenance mode off', 'maintenance', {mode: 'off', components: 'frontend'});
  await steps.run('Watch the live product', 'health-gate', {stage: 'live', ...judged});
}
