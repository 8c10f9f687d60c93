import { replayFamily } from './replay.ts';

replayFamily('azure-cli');
