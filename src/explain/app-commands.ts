import { bash, choice, guid, name, part, type Word } from './bash.ts';
import type { Evidence } from './evidence.ts';
import { clientIdOf } from './words.ts';

/** The commands for the app on App Service, Functions or Container Apps that this process is. */

type WithFacts = Pick<Evidence, 'facts'>;

const WEB = { set: 'config appsettings set', settings: '--settings', unset: 'config appsettings delete' } as const;

/** What az calls an app, its settings and its identities, by platform. */
const APPS = {
  'app-service': { ...WEB, app: 'webapp', names: '--setting-names', user: '--identities', system: '' },
  functions: { ...WEB, app: 'functionapp', names: '--setting-names', user: '--identities', system: '' },
  'container-apps': {
    app: 'containerapp',
    set: 'update',
    settings: '--set-env-vars',
    unset: 'update',
    names: '--remove-env-vars',
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

export function assignSystemIdentity(e: WithFacts): string {
  const { app, system } = appOf(e);
  return bash`${readApp(e)} && az ${choice(app)} identity assign ${thisApp(e)}${choice(system)}`;
}

/** Assigns the identity that AZURE_CLIENT_ID names. */
export function assignUserIdentity(e: WithFacts): string {
  const { app, user } = appOf(e);
  return bash`${readApp(e)} && ${readIdentityId(e)} && az ${choice(app)} identity assign ${thisApp(e)} ${choice(user)} \${id:?}`;
}

/** Sets AZURE_CLIENT_ID, which restarts the app. Its reader chooses the value. */
export function setClientId(e: WithFacts): string {
  return bash`${settingClientId(e)}`;
}

function settingClientId(e: WithFacts): Word {
  const { app, set, settings } = appOf(e);
  return part`${readApp(e)} && az ${choice(app)} ${choice(set)} ${thisApp(e)} ${choice(settings)} AZURE_CLIENT_ID=\${CLIENT_ID:?}`;
}

/** The same, if AZURE_CLIENT_ID names no identity that there is. */
export function replaceClientId(e: WithFacts): string {
  return bash`az identity list --query '[].clientId' -o tsv | grep -qi ${guid(clientIdOf(e), 'CLIENT_ID')} || { ${settingClientId(e)}; }`;
}

/** Removes settings, which restarts the app. The names are ours. */
export function unsetSettings(e: WithFacts, settings: Word): string {
  const { app, unset, names } = appOf(e);
  return bash`${readApp(e)} && az ${choice(app)} ${choice(unset)} ${thisApp(e)} ${choice(names)} ${settings}`;
}

/** Restarts the app: its process, or the newest revision. */
export function restartApp(e: WithFacts): string {
  const { app } = appOf(e);
  return app === 'containerapp'
    ? bash`${readApp(e)} && az containerapp revision restart ${thisApp(e)} --revision $(az containerapp show ${thisApp(e)} --query properties.latestRevisionName -o tsv)`
    : bash`${readApp(e)} && az ${choice(app)} restart ${thisApp(e)}`;
}
