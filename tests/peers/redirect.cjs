// Loaded by node before a program: what it opens to PagerDuty goes to the port SIMULATOR_PORT of this machine, and nothing
// goes anywhere else. The program still checks the certificate for the name that it asked for.
const tls = require('tls')
const { Socket } = require('net')

const PAGERDUTY = ['api.pagerduty.com', 'events.pagerduty.com']
const simulator = { host: '127.0.0.1', port: Number(process.env.SIMULATOR_PORT) }

const openTls = tls.connect
tls.connect = (options, ...rest) => {
  const redirected = PAGERDUTY.includes(options.host) ? { ...options, ...simulator, servername: options.host } : options
  return openTls(redirected, ...rest)
}

const open = Socket.prototype.connect
Socket.prototype.connect = function (...given) {
  const to = given.flat().find((each) => each?.port !== undefined)
  if (to && (to.host !== simulator.host || Number(to.port) !== simulator.port)) {
    throw new Error(`no way to ${to.host}:${to.port} from a test`)
  }
  return open.apply(this, given)
}
