import { bash, choice, guid, isGuid, name, part, type Word } from './bash.ts';
import type { Evidence } from './evidence.ts';
import { clientIdOf } from './words.ts';

/** The commands for the app on App Service, Functions or Container Apps that this process is. */

type WithFacts = Pick<Evidence, 'facts'>;

const WEB = {
  set: 'config appsettings set',
  settings: '--settings',
  unset: 'config appsettings delete',
  names: '--setting-names',
  list: 'config appsettings list',
  values: "'[].[name,value]'",
  user: '--identities',
  system: '',
} as const;

/** What az calls an app, its settings and its identities, by platform. */
const APPS = {
  'app-service': { ...WEB, app: 'webapp' },
  functions: { ...WEB, app: 'functionapp' },
  'container-apps': {
    app: 'containerapp',
    set: 'update',
    settings: '--set-env-vars',
    unset: 'update',
    names: '--remove-env-vars',
    list: 'show',
    // What comes from a secret has no value, which az would print as the word None.
    values: "'properties.template.containers[].env[?value][].[name,value]'",
    user: '--user-assigned',
    system: ' --system-assigned',
  },
} as const;

function appOf({ facts }: WithFacts) {
  const kind = facts.identityEndpoint?.kind ?? facts.place;
  return kind === 'functions' || kind === 'container-apps' ? APPS[kind] : APPS['app-service'];
}

/** The start of a line: reads group and name of this app. */
function readApp(e: WithFacts): Word {
  return part`read -r group name <<< $(az ${choice(appOf(e).app)} list --query '[].[resourceGroup,name]' -o tsv | grep -ix '.*[[:space:]]'${name(e.facts.app, 'APP')})`;
}

/** The flags that name this app, after `readApp`. A slot has settings and identities of its own. */
function thisApp({ facts }: WithFacts): Word {
  const slot = facts.slot === undefined ? part`` : part` --slot ${name(facts.slot, 'SLOT')}`;
  return part`-g \${group:?} -n \${name:?}${slot}`;
}

/** The start of a line: reads the resource id of the identity with the client id of AZURE_CLIENT_ID. */
export function readIdentityId(e: WithFacts): Word {
  return part`read -r id _ <<< $(az identity list --query '[].[id,clientId]' -o tsv | grep -i ${guid(clientIdOf(e), 'CLIENT_ID')})`;
}

export function listApps(e: WithFacts): string[] {
  return e.facts.app === undefined
    ? [bash`az ${choice(appOf(e).app)} list --query '[].[name,resourceGroup]' -o table`]
    : [];
}

/** Shows client id, name and group of the user-assigned identities of this app. */
export function showAppIdentities(e: WithFacts): string {
  return bash`${readApp(e)} && az identity list --query '[].[clientId,name,resourceGroup]' -o tsv | grep -if <(az ${choice(appOf(e).app)} identity show ${thisApp(e)} | ${findGuids()})`;
}

/** Keeps the ids of a JSON document. */
export function findGuids(): Word {
  return part`grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'`;
}

/** Assigns the identity that AZURE_CLIENT_ID names, or else the system-assigned one. */
export function assignIdentity(e: WithFacts): string {
  const { app, system } = appOf(e);
  if (isGuid(clientIdOf(e))) return assignUserIdentity(e);
  return bash`${readApp(e)} && az ${choice(app)} identity assign ${thisApp(e)}${choice(system)}`;
}

/** Assigns the identity that AZURE_CLIENT_ID names. */
export function assignUserIdentity(e: WithFacts): string {
  const { app, user } = appOf(e);
  return bash`${readApp(e)} && ${readIdentityId(e)} && az ${choice(app)} identity assign ${thisApp(e)} ${choice(user)} \${id:?}`;
}

/** Sets these settings, which restarts the app. `lookUp` is the part of a line that finds their values, and ends with `&&`. */
export function setSettings(e: WithFacts, values: Word, lookUp: Word): string {
  const { app, set, settings } = appOf(e);
  return bash`${readApp(e)} && ${lookUp}az ${choice(app)} ${choice(set)} ${thisApp(e)} ${choice(settings)}${values} -o none`;
}

/** Prints the present value of a setting, after `readApp`. */
export function readSetting(e: WithFacts, setting: Word): Word {
  const { app, list, values } = appOf(e);
  return part`az ${choice(app)} ${choice(list)} ${thisApp(e)} --query ${choice(values)} -o tsv | grep -i '^'${setting}'[[:space:]]' | head -1 | cut -f2-`;
}

/** Removes settings, which restarts the app. */
export function unsetSettings(e: WithFacts, settings: Word): string {
  const { app, unset, names } = appOf(e);
  return bash`${readApp(e)} && az ${choice(app)} ${choice(unset)} ${thisApp(e)} ${choice(names)}${settings} -o none`;
}

/** Restarts the app: its process, or the newest revision. */
export function restartApp(e: WithFacts): string {
  const { app } = appOf(e);
  return app === 'containerapp'
    ? bash`${readApp(e)} && az containerapp revision restart ${thisApp(e)} --revision $(az containerapp show ${thisApp(e)} --query properties.latestRevisionName -o tsv)`
    : bash`${readApp(e)} && az ${choice(app)} restart ${thisApp(e)}`;
}
