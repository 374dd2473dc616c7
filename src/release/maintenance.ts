import type {Config} from '../config/schema.js';
import {Failure, messageOf} from '../kernel/errors.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {LedgerStore} from '../ledger/store.js';
import type {PlatformCall} from '../platforms/platform.js';
import type {Platforms, PlatformTokens} from './connection.js';
import {openMaintenanceFrontend} from './deployers.js';
import {bypassHeader, operatorBypass} from './maintenance-bypass.js';
import {maintenanceHeader, writePage} from './maintenance-page.js';
import {ask, isBlocked, showsPage} from './maintenance-seen.js';
import {maintenancePrefix, readMaintenance, wayOut} from './maintenance-window.js';

/**
 * Maintenance mode: the frontend is a prebuilt page with 503 and Retry-After, the backend an edge rule. Neither the app
 * nor its deployments are touched. What was live stands in a ledger record of its own before the first change, so that
 * a run that dies half-way is finished or undone by the next one.
 */

export interface MaintenanceContext {
  readonly config: Config;
  readonly tokens: PlatformTokens;
  readonly platforms: Platforms;
  readonly store: LedgerStore;
  readonly root: string;
  readonly commit: string;
  readonly call: PlatformCall;
}

export interface SideResult {
  readonly component: 'frontend' | 'backend';
  readonly outcome: 'changed' | 'already' | 'failed';
  readonly seen: string;
  readonly failure?: Failure;
}

/** Switches it on, both sides at once, and looks from outside. Already on: verified and put right where a side is not. */
export async function enterMaintenance(
  context: MaintenanceContext,
  options: {readonly reason: string; readonly untilMs: number; readonly bypass?: string},
): Promise<{record: ReleaseRecord; sides: SideResult[]}> {
  const {store, platforms} = context;
  const active = await readMaintenance(store);
  const record = active.record ?? (await openWindow(context, options));
  const sides = await Promise.all([
    ...(platforms.frontend ? [side('frontend', () => showPage(context))] : []),
    ...(platforms.backend ? [side('backend', () => blockBackend(context, options.bypass))] : []),
  ]);
  const failed = sides.some((one) => one.outcome === 'failed');
  await store.append(record.id, 'note', {maintenance: failed ? 'partly' : 'on', until: String(options.untilMs)});
  return {record, sides};
}

async function openWindow(
  {store, platforms, commit, call}: MaintenanceContext,
  options: {readonly reason: string; readonly untilMs: number},
): Promise<ReleaseRecord> {
  const [frontend, backend] = await Promise.all([
    platforms.frontend?.readLive(call),
    platforms.backend?.readLive(call).catch((error: unknown) => untold(error, call)),
  ]);
  const iso = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  const record = await store.open({
    release: `${maintenancePrefix}${iso}`,
    commit,
    anchors: {...(frontend && {frontend}), ...(backend && {backend})},
  });
  await store.append(record.id, 'intent', {
    do: 'maintenance-on',
    why: options.reason.slice(0, 60),
    until: String(options.untilMs),
  });
  return record;
}

/** The edge rule needs no anchor, so a backend that is gone must not keep the page from going up. */
function untold(error: unknown, {signal, progress}: PlatformCall): undefined {
  if (signal.aborted) throw error;
  progress(`What the backend runs could not be read, and is not needed to block it: ${messageOf(error)}`);
  return undefined;
}

/**
 * Switches it off: the frontend goes back to what the record names, the backend loses only our rule.
 * @throws Failure MAINTENANCE_RECORD when the ledger has no window but the page is up: then what was live is unknown.
 */
export async function leaveMaintenance(
  context: MaintenanceContext,
): Promise<{record: ReleaseRecord | undefined; sides: SideResult[]}> {
  const {store, platforms, config} = context;
  const {record, unfinished} = await readMaintenance(store);
  const backTo = record && wayOut(record);
  if (!record && platforms.frontend && (await showsPage(config.frontend!.url))) {
    throw new Failure(
      'MAINTENANCE_RECORD',
      'The maintenance page is up, but the ledger has no open window that says what was live before',
      {remedy: 'Run the rollback workflow with `to: last-known-good`, or promote the right deployment on Vercel.'},
    );
  }
  if (record) await store.append(record.id, 'intent', {do: 'maintenance-off'});
  const sides = await Promise.all([
    ...(platforms.frontend && backTo ? [side('frontend', () => hidePage(context, backTo, unfinished))] : []),
    ...(platforms.backend ? [side('backend', () => openBackend(context))] : []),
  ]);
  if (record && !sides.some((one) => one.outcome === 'failed'))
    await store.append(record.id, 'note', {maintenance: 'off'});
  return {record, sides};
}

async function side(
  component: SideResult['component'],
  act: () => Promise<Omit<SideResult, 'component'>>,
): Promise<SideResult> {
  try {
    return {component, ...(await act())};
  } catch (error) {
    const failure =
      error instanceof Failure
        ? error
        : new Failure('MAINTENANCE', messageOf(error), {
            remedy: 'Run it again; what is done is only verified.',
            cause: error,
          });
    return {component, outcome: 'failed', seen: failure.message, failure};
  }
}

async function showPage({config, tokens, root, call}: MaintenanceContext): Promise<Omit<SideResult, 'component'>> {
  if (await showsPage(config.frontend!.url)) return {outcome: 'already', seen: 'the page, 503'};
  const page = await writePage(config, root);
  try {
    const vercel = await openMaintenanceFrontend(config, tokens);
    // The same page was deployed before? Then it is found by its digest and only promoted: seconds instead of a build.
    const deployment = await vercel.deploy(
      {
        commit: page.digest,
        release: `maintenance-${page.digest.slice(0, 12)}`,
        path: page.folder,
        message: 'maintenance page',
      },
      {...call, timeoutMs: 120_000},
    );
    if (deployment.outcome !== 'ready')
      throw new Failure(
        'MAINTENANCE_PAGE',
        `The maintenance page could not be deployed: ${deployment.reason?.message ?? deployment.outcome}`,
        {remedy: deployment.reason?.remedy ?? 'Look at the deployment on Vercel.'},
      );
    const {changed} = await vercel.promote(deployment.deploymentId, {...call, timeoutMs: 120_000});
    await lookUntil(
      call,
      async () => showsPage(config.frontend!.url),
      'The frontend does not show the maintenance page although it was promoted',
    );
    return {outcome: changed ? 'changed' : 'already', seen: 'the page, 503'};
  } finally {
    await page.remove();
  }
}

async function hidePage(
  {config, platforms, call}: MaintenanceContext,
  deploymentId: string,
  unfinished: boolean,
): Promise<Omit<SideResult, 'component'>> {
  // A rollback or a release took its place since: what the window replaced must not come back over that. Only an answer
  // proves it, and a window that was never wholly on may still get its page.
  const shown = await ask(config.frontend!.url);
  if (!unfinished && shown && shown.headers.get(maintenanceHeader) !== 'on')
    return {outcome: 'already', seen: 'no page: what replaced it stays'};
  const {changed} = await platforms.frontend!.promote(deploymentId, {...call, timeoutMs: 120_000});
  await lookUntil(
    call,
    async () => !(await showsPage(config.frontend!.url)),
    'The frontend still shows the maintenance page',
  );
  return {outcome: changed ? 'changed' : 'already', seen: `deployment ${deploymentId}`};
}

async function blockBackend(
  {config, tokens, platforms, call}: MaintenanceContext,
  bypass: string | undefined,
): Promise<Omit<SideResult, 'component'>> {
  const body = JSON.stringify({error: 'maintenance', message: config.maintenance.message});
  // The derived one always: the gate of a rollback looks behind a block that somebody else put up.
  const derived = operatorBypass(undefined, tokens['railway-token']);
  const values = [bypass, derived].filter((value) => value !== undefined);
  const outcome = await platforms.backend!.setMaintenance(
    {
      body,
      openPaths: config.maintenance['open-paths'],
      ...(values.length && {bypass: {header: bypassHeader, values}}),
    },
    call,
  );
  await lookUntil(
    call,
    async () => isBlocked(config.backend!.url),
    'The backend still answers although its edge rule was set',
  );
  return {outcome, seen: 'an edge rule, 429'};
}

async function openBackend({config, platforms, call}: MaintenanceContext): Promise<Omit<SideResult, 'component'>> {
  const outcome = await platforms.backend!.setMaintenance(undefined, call);
  await lookUntil(
    call,
    async () => !(await isBlocked(config.backend!.url)),
    'The backend is still blocked although its edge rule was removed',
  );
  return {outcome, seen: 'no edge rule'};
}

/** What users get, asked for anew each time; edges take a moment. */
async function lookUntil(call: PlatformCall, holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const untilMs = Date.now() + 20_000;
  for (let waitMs = 100; ; waitMs = Math.min(2_000, waitMs * 2)) {
    if (await holds()) return;
    if (Date.now() > untilMs)
      throw new Failure('MAINTENANCE_UNPROVEN', otherwise, {
        remedy: "Look at it in a browser and at the platform's page, then run again.",
      });
    call.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
