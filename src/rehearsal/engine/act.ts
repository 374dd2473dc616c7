import {randomUUID} from 'node:crypto';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {Failure} from '../../kernel/errors.js';
import {findAct} from './act-binary.js';
import {continuedCopy, type Disturbance} from './act-continuation.js';
import {reportJob} from './act-copy.js';
import {ActLog} from './act-log.js';
import {prepare, secretsOf} from './act-preparation.js';
import type {Conclusion, JobResult, Status, WorkflowRequest, WorkflowResult, WorkflowRun} from './contract.js';
import {startWorkflow} from './engine.js';
import {type Journal, openJournal} from './journal.js';
import {registerJsonHook} from './json-hook.js';
import {createMasker} from './masker.js';
import {legName} from './matrix.js';
import {killOrphans, runProcess} from './step-process.js';

export {actVersion, findAct} from './act-binary.js';

/** The same request run by nektos/act in host mode: a second opinion on what a workflow means. */

/** act needs its time after one Ctrl-C: steps that clean up may still run. */
const patience = 40;

/** The engine of that name, ready to start requests. `cacheDir` is where act is looked for and built. */
export async function openEngine(
  name: 'embedded' | 'act',
  cacheDir: string,
): Promise<(request: WorkflowRequest) => WorkflowRun> {
  if (name === 'embedded') return startWorkflow;
  const act = await findAct(cacheDir);
  return (request) => startWithAct(request, act);
}

/**
 * Starts a request on act. What act does not do (groups, approvals, permissions, identity tokens, job time limits) is
 * left out; `cancel` is one Ctrl-C. As act is one process, `killRunner` takes every running job with it; what GitHub
 * would run after a cancel or a lost runner is run by a second call.
 */
export function startWithAct(request: WorkflowRequest, act: string): WorkflowRun {
  const journal = openJournal(createMasker(), request.onEvent);
  for (const secret of [...Object.values(secretsOf(request)), request.token]) journal.masker.add(secret);
  mkdirSync(request.workDir, {recursive: true});
  const stop = new AbortController();
  const kill = new AbortController();
  const call: ActCall = {
    request,
    act,
    journal,
    trackingId: `act_${randomUUID()}`,
    stop: stop.signal,
    kill: kill.signal,
  };
  const calls = {current: undefined as ActLog | undefined};
  let disturbance: Disturbance | undefined;
  const disturb = (kind: Disturbance['kind']) => {
    const jobs = [...(calls.current?.jobs ?? [])].filter(([, job]) => job.result === undefined).map(([key]) => key);
    disturbance ??= {kind, jobs: new Set(jobs)};
  };
  const execute = async () => {
    const first = await callAct(call, (log) => {
      calls.current = log;
    });
    return disturbance ? continueAfter(call, first, disturbance) : first.result;
  };
  return {
    cancel: () => {
      disturb('cancel');
      journal.tell({type: 'cancel', job: '', reason: 'cancelled'});
      stop.abort();
    },
    killRunner: () => {
      disturb('lost-runner');
      kill.abort();
      killOrphans(call.trackingId);
    },
    done: execute(),
  };
}

interface ActCall {
  readonly request: WorkflowRequest;
  readonly act: string;
  readonly journal: Journal;
  /** In the environment of everything that the call starts. */
  readonly trackingId: string;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
}

interface ActEnd {
  readonly log: ActLog;
  readonly result: WorkflowResult;
}

/** @param continued jobs that ended in an earlier call, and how it was disturbed. */
async function callAct(call: ActCall, onLog: (log: ActLog) => void, continued?: Continued): Promise<ActEnd> {
  const {request, act, journal, trackingId, stop, kill} = call;
  const folder = mkdtempSync(join(request.workDir, 'act-'));
  try {
    const {args, env, report, callers} = await prepare(request, folder, trackingId, (text) =>
      continued ? continuedCopy(text, continued.ends, continued.kind) : text,
    );
    const log = new ActLog(journal, ({job, id, matrix}) =>
      id === reportJob || continued?.ends.has(id) ? undefined : callerOf(job, callers) + legName(id, matrix),
    );
    onLog(log);
    const options = {stop, kill, ladderScale: patience};
    const end = await runProcess({command: act, args, cwd: folder, env, onLine: (line) => log.line(line), ...options});
    if (end.startError)
      throw new Failure('ACT_FAILED', `act could not be started: ${end.startError.message}`, {
        remedy: 'Check the binary.',
      });
    return {log, result: resultOf(report, log, journal, request, continued?.ends)};
  } finally {
    killOrphans(trackingId);
    rmSync(folder, {recursive: true, force: true});
  }
}

type Continued = {readonly ends: ReadonlyMap<string, JobResult>; readonly kind: Disturbance['kind']};

async function continueAfter(call: ActCall, first: ActEnd, {kind, jobs}: Disturbance): Promise<WorkflowResult> {
  registerJsonHook();
  const {endsAfter} = await import('./act-ends.js');
  const ends = await endsAfter(call.request, first.log, {kind, jobs});
  const never = new AbortController().signal;
  const rest = await callAct({...call, stop: never, kill: never}, () => {}, {ends, kind});
  // The second call knows the repeated jobs too; how they really ended is what the first one saw.
  const all = {...first.result.jobs, ...rest.result.jobs, ...Object.fromEntries(ends)};
  const summaries = Object.values(all).map((job) => job.summary);
  const cancelled = kind === 'cancel' && Object.values(all).some((job) => job.result === 'cancelled');
  return {
    conclusion: cancelled ? 'cancelled' : conclusionOf(all),
    jobs: all,
    log: call.journal.lines,
    summaries: summaries.filter(Boolean).join('\n'),
  };
}

/** The jobs of a called workflow carry the name of the calling job before all others; `caller/` by its id, or ''. */
function callerOf(job: string, callers: ReadonlyMap<string, string>): string {
  const caller = [...callers].find(([name]) => job.startsWith(`${name}/`));
  return caller ? `${caller[1]}/` : '';
}

type Ends = Record<string, {result: Conclusion; outputs: Record<string, string> | null}>;

function resultOf(
  report: string,
  log: ActLog,
  journal: Journal,
  request: WorkflowRequest,
  told: ReadonlyMap<string, JobResult> = new Map(),
): WorkflowResult {
  const ends = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Ends) : {};
  if (log.jobs.size === 0 && Object.keys(ends).length === 0) throw actFailure(request, log);
  const jobs: Record<string, JobResult> = {};
  for (const key of new Set([...log.jobs.keys(), ...Object.keys(ends)])) {
    const seen = log.jobs.get(key);
    const result = ends[key]?.result ?? seen?.result ?? 'cancelled';
    // act leaves the expressions of a skipped job's outputs as they are.
    const outputs = result === 'skipped' ? {} : maskedOutputs(ends[key]?.outputs ?? {}, journal);
    jobs[key] = {result, outputs, steps: seen?.steps ?? [], summary: seen?.summaries.join('\n') ?? ''};
    if (!seen?.result && !told.has(key)) journal.tell({type: 'job-finished', job: key, result, outputs, ms: 0});
  }
  const summaries = Object.values(jobs).map((job) => job.summary);
  return {conclusion: conclusionOf(jobs), jobs, log: journal.lines, summaries: summaries.filter(Boolean).join('\n')};
}

function conclusionOf(jobs: Readonly<Record<string, JobResult>>): Status {
  const results = Object.values(jobs).map((job) => job.result);
  return (['failure', 'cancelled'] as const).find((status) => results.includes(status)) ?? 'success';
}

function actFailure(request: WorkflowRequest, log: ActLog): Failure {
  const notes = log.notes.slice(-10).join('\n');
  return new Failure('ACT_FAILED', `act could not run ${request.file}:\n${notes}`, {
    remedy: 'Run it with the embedded engine, which names what it does not support.',
  });
}

function maskedOutputs(outputs: Readonly<Record<string, string>>, journal: Journal): Record<string, string> {
  const present = Object.entries(outputs).filter(([, value]) => value !== '');
  return Object.fromEntries(present.map(([name, value]) => [name, journal.masker.mask(String(value))]));
}
