import type { Evidence } from './evidence.ts';

/** Where this runs: conditions for `only`, and for helpers. */

type WithFacts = Pick<Evidence, 'facts'>;

export function isPod({ facts }: WithFacts): boolean {
  return facts.kubernetes;
}

export function isNoPod(e: WithFacts): boolean {
  return !isPod(e);
}

export function isContainer({ facts }: WithFacts): boolean {
  return facts.container;
}

export function isWindows({ facts }: WithFacts): boolean {
  return facts.windows === true;
}

/** Nobody can log in here. */
export function isPipeline({ facts }: WithFacts): boolean {
  return facts.place === 'ci';
}

export function isCloudShell({ facts }: WithFacts): boolean {
  return facts.place === 'cloud-shell';
}

/** Where no browser opens. */
export function isRemote({ facts }: WithFacts): boolean {
  return ['container', 'codespaces', 'devcontainer', 'container-apps', 'cloud-shell'].includes(facts.place);
}

/** Whether this runs on a platform of Azure, whose network is configured there. */
export function isApp({ facts }: WithFacts): boolean {
  return ['app-service', 'functions', 'container-apps'].includes(facts.place);
}
