/* Browsers start no workers from file: addresses, and the search is one. Read from a folder, the pages get a worker that
   runs in a hidden frame instead; from a server nothing here takes effect. */
if (window.location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super()
      this.waiting = []
      this.onmessage = null
      this.onerror = null
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      this.frame = frame
      const inside = frame.contentWindow
      const tell = (kind, details) => {
        const event = new MessageEvent(kind, details)
        this.dispatchEvent(event)
        if (this["on" + kind]) this["on" + kind](event)
      }
      /* What the script of a worker expects to find. */
      inside.postMessage = data => setTimeout(() => tell("message", { data }))
      inside.importScripts = (...sources) =>
        sources.reduce((before, source) => before.then(() => this.load(new URL(source, address).href)), Promise.resolve())
      this.load(address).then(() => {
        this.ready = true
        this.waiting.splice(0).forEach(data => this.deliver(data))
      }, () => tell("error", {}))
    }

    load(address) {
      return new Promise((done, failed) => {
        const script = this.frame.contentDocument.createElement("script")
        script.src = address
        script.onload = done
        script.onerror = failed
        this.frame.contentDocument.body.appendChild(script)
      })
    }

    deliver(data) {
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    postMessage(data) {
      if (this.ready) this.deliver(data)
      else this.waiting.push(data)
    }

    terminate() {
      this.frame.remove()
    }
  }
}
