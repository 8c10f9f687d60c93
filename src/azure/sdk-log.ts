import { AzureLogger, setLogLevel } from '@azure/logger';
import { withoutAppended } from './errors.ts';

/**
 * Hands what the Azure SDK logs to `write`, one call a line; the SDK itself blanks headers, bodies and query values that may be
 * secret, but not what it appends to some messages. `verbose` adds MSAL's own words. The SDK's log is one for the process.
 */
export function bridgeSdkLog(write: (line: string) => void, level: 'info' | 'verbose'): void {
  AzureLogger.log = (...args: unknown[]) => write(withoutAppended(args.map(String).join(' ')));
  setLogLevel(level);
}
