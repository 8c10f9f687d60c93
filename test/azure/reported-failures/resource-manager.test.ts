import { replayFamily } from './replay.ts';

replayFamily('resource-manager');
