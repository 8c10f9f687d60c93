/** The endpoints of one Azure cloud. Endpoint and scope belong together: one cloud's Resource Manager refuses another's tokens. */
export interface Cloud {
  /** The URL of Microsoft Entra ID. */
  authorityHost: string;
  /** The origin of Azure Resource Manager, the only one that ever receives a token. */
  resourceManager: string;
  /** The token scope of that Resource Manager. */
  scope: string;
}

// The authority hosts of each cloud and their aliases, as MSAL lists them, the preferred one first.
const RESOURCE_MANAGERS = new Map([
  ['login.microsoftonline.com', 'https://management.azure.com'],
  ['login.microsoft.com', 'https://management.azure.com'],
  ['login.windows.net', 'https://management.azure.com'],
  ['sts.windows.net', 'https://management.azure.com'],
  ['login.microsoftonline.us', 'https://management.usgovcloudapi.net'],
  ['login.usgovcloudapi.net', 'https://management.usgovcloudapi.net'],
  ['login.chinacloudapi.cn', 'https://management.chinacloudapi.cn'],
  ['login.partner.microsoftonline.cn', 'https://management.chinacloudapi.cn'],
]);

/** The authority hosts of the three clouds: public, US Government, China. */
export const AUTHORITY_HOSTS = [
  'https://login.microsoftonline.com',
  'https://login.microsoftonline.us',
  'https://login.chinacloudapi.cn',
];

/**
 * Finds the cloud of an authority host, by default the public one; undefined if it is not the https URL of a known host.
 * The Workload ID webhook injects the URL with a trailing slash.
 */
export function cloudOf(authorityHost = 'https://login.microsoftonline.com'): Cloud | undefined {
  const url = URL.parse(authorityHost);
  const resourceManager = RESOURCE_MANAGERS.get(url?.host ?? '');
  if (url?.protocol !== 'https:' || !resourceManager) return undefined;
  return {
    authorityHost: url.origin,
    resourceManager,
    // The SDK's own `cloudSetting` changes the endpoint but not the scope.
    scope: `${resourceManager}/.default`,
  };
}
