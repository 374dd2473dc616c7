import type {Failure} from '../kernel/errors.js';
import {messageOf} from '../kernel/errors.js';
import {openGitHub} from '../runner/github.js';
import type {Run} from '../runner/run-action.js';
import {closeIncident, reportIncident} from './incident.js';

export interface Alarm {
  /** One issue for each key, however often it is raised. */
  readonly key: string;
  readonly title: string;
  /** Markdown; foreign text already escaped. */
  readonly body: string;
}

/** Raises an alarm as one issue, or adds to the one that is open. An alarm that cannot be raised warns; the check stays red. */
export async function raiseAlarm(token: string | undefined, runner: Run, alarm: Alarm): Promise<void> {
  await withGitHub(token, runner, async (github) => {
    const {url, repeated} = await reportIncident(github, alarm);
    runner.log(`${repeated ? 'Added to' : 'Opened'} ${url}`);
  });
}

/** Closes the alarm of this key when one is open. */
export async function clearAlarm(token: string | undefined, runner: Run, key: string, comment: string): Promise<void> {
  await withGitHub(token, runner, async (github) => {
    if (await closeIncident(github, key, comment)) runner.log('Closed the alarm: it is good again.');
  });
}

/** The body of an alarm about a failure. */
export function alarmBody(failure: Failure, summary: string): string {
  return `${summary}\n\nNext: ${failure.remedy}`;
}

async function withGitHub(
  token: string | undefined,
  runner: Run,
  work: (github: Awaited<ReturnType<typeof openGitHub>>) => Promise<void>,
): Promise<void> {
  if (!token || !runner.env['GITHUB_REPOSITORY']) return;
  try {
    await work(await openGitHub(token, runner.env));
  } catch (error) {
    if (runner.signal.aborted) throw error;
    runner.annotate({
      level: 'warning',
      title: 'Alarm',
      message: `The alarm could not be raised or closed: ${messageOf(error)}`,
    });
  }
}
