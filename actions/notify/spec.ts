import {configInputs} from '../../src/release/inputs.js';
import {choice, defineAction, list, text, url} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'notify',
  description:
    'Says something on the alert channels of the file: Slack, mail, signed webhooks, GitHub issues; or tests them all.',
  icon: 'bell',
  inputs: {
    ...configInputs,
    mode: choice({
      options: ['alert', 'recovery', 'test'],
      default: 'alert',
      doc: '`alert` says it, `recovery` says that it is over (and closes the issue of the same `key`), `test` sends a sample to every channel and fails when one is broken.',
    }),
    title: text({default: 'a message', doc: 'One line: what happened.', example: 'release r-42 went back'}),
    message: text({doc: 'More about it.'}),
    severity: choice({
      options: ['info', 'warning', 'critical'],
      default: 'warning',
      doc: 'How bad it is; routes look at it.',
    }),
    components: list({
      options: ['frontend', 'backend', 'database'],
      doc: 'What it is about; routes look at it. Default: everything.',
    }),
    key: text({
      doc: 'What makes two messages the same matter: one mail thread, one issue. Default: the title.',
      example: 'release-r-42',
    }),
    channels: list({
      doc: 'Only these channels, whatever the routes say. Default: as the routes say.',
      example: 'oncall,mail',
    }),
    link: url({doc: 'Where to read more. The run is always linked.'}),
  },
  outputs: {
    sent: 'Names of the channels that were told, separated by commas.',
    failed: 'Names of the channels that could not be told.',
  },
});
