// The lower bound: Node's own server, with the body in memory. Plain JavaScript, so that the start strips no types.
import { createServer } from 'node:http';

const names = Array.from({ length: Number(process.env['GROUPS']) }, (_, i) => `rg-${i + 1}`);
const body = JSON.stringify(names);
const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };

createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
}).listen(Number(process.env['PORT']), '127.0.0.1');
