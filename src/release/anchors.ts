import {messageOf} from '../kernel/errors.js';
import type {Anchor, Finding, Platform, PlatformCall} from '../platforms/platform.js';

export interface Anchors {
  readonly frontend?: Anchor;
  readonly backend?: Anchor;
}

/**
 * Reads what is live on every given component, with a row about each: can it be gone back to?
 * @param allowMissing components that may lack a way back because the user said so by name.
 */
export async function readAnchors(
  platforms: ReadonlyArray<Platform>,
  allowMissing: readonly string[],
  call: PlatformCall,
): Promise<{anchors: Anchors; findings: Finding[]}> {
  const read = await Promise.all(
    platforms.map((platform) => readAnchor(platform, allowMissing.includes(platform.component), call)),
  );
  const anchors = Object.fromEntries(read.flatMap(({anchor}) => (anchor ? [[anchor.component, anchor]] : [])));
  return {anchors, findings: read.map(({finding}) => finding)};
}

async function readAnchor(
  platform: Platform,
  mayMiss: boolean,
  call: PlatformCall,
): Promise<{anchor?: Anchor; finding: Finding}> {
  const row = (state: Finding['state'], found: string, remedy?: string): Finding => ({
    area: platform.component,
    check: 'way back (anchor)',
    state,
    found,
    ...(remedy && {remedy}),
  });
  try {
    const anchor = await platform.readLive(call);
    if (!anchor)
      return {
        finding: row(
          mayMiss ? 'warning' : 'problem',
          'nothing is live, so there is nothing to go back to',
          `For a first release say so by name: \`allow-missing-anchor: ${platform.component}\``,
        ),
      };
    const {restorable} = anchor;
    const label = `${anchor.deploymentId}${anchor.commit ? ` of commit ${anchor.commit.slice(0, 7)}` : ''}`;
    if (restorable.by === 'none')
      return {anchor, finding: row(mayMiss ? 'warning' : 'problem', `${label}: ${restorable.why}`, restorable.remedy)};
    if (restorable.by === 'rebuild')
      return {
        anchor,
        finding: row(
          'warning',
          `${label}: only by building the commit again`,
          'A rollback will take as long as a build; release more often than the platform keeps images, or move to a plan that keeps them longer',
        ),
      };
    return {anchor, finding: row('ok', `${label}, kept by ${anchor.platform}`)};
  } catch (error) {
    return {
      finding: row('problem', messageOf(error), 'Fix the access first: without an anchor a release has no way back'),
    };
  }
}
