import {backupAccessInputs, secondStoreInputs} from '../../src/release/backup-inputs.js';
import {checkSecretsInput} from '../../src/release/check-secrets.js';
import {configInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, list, text, url} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'monitor',
  description:
    'Checks every service, remembers, judges with a promise about false alarms, alerts once an incident, and writes a status page.',
  icon: 'eye',
  inputs: {
    ...configInputs,
    duration: duration({
      default: '0s',
      doc: 'Keep looking for this long within one job, since schedules come late; 0s: one round.',
      maxMs: 6 * 3_600_000,
      example: '4m',
    }),
    interval: duration({doc: 'Pace of the rounds while looking. Default: `monitor.interval` of the file.', minMs: 10}),
    'history-type': choice({
      options: ['folder', 'branch', 'bucket'],
      doc: 'Where the history lies. Default: `monitor.history` of the file, else a branch.',
    }),
    'history-folder': text({doc: 'Folder of the history, for type folder.'}),
    'history-branch': text({doc: 'Branch of the history, for type branch; the job then needs `contents: write`.'}),
    page: text({doc: 'Folder of the status page. Default: `monitor.page` of the file.', example: 'site'}),
    'page-url': url({doc: 'Where the page is published; linked in alerts.', example: 'https://status.shop.example'}),
    'vercel-protection-bypass': vercelInputs['vercel-protection-bypass'],
    ...checkSecretsInput,
    'storage-access-key-id': backupAccessInputs['storage-access-key-id'],
    'storage-secret-access-key': backupAccessInputs['storage-secret-access-key'],
    'storage-bucket': backupAccessInputs['storage-bucket'],
    'storage-endpoint': backupAccessInputs['storage-endpoint'],
    ...secondStoreInputs,
    'fail-on': list({
      options: ['down', 'degraded', 'channel'],
      default: 'channel',
      doc: 'What fails the step: a critical service that is down, anything that is not up, or an alert that reached nobody. The alerts tell of outages, so a red run need not.',
    }),
  },
  outputs: {
    state: '`up`, `degraded` or `down`: the worst of the critical services; `degraded` when only others are not up.',
    down: 'Names of the services that are down, separated by commas.',
    incidents: 'How many incidents are open.',
    alerts: 'How many messages were sent.',
    rounds: 'Rounds that were made, closer looks not counted.',
    page: 'Folder of the status page.',
    'blind-ms': 'How long nobody had looked before this run, when that was longer than three rounds; else 0.',
  },
});
