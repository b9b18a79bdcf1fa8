// Browsers start no Worker for a page opened from a folder, and the search runs in one.
// There a hidden frame runs the same script, on the page's own thread.
if (location.protocol === 'file:') {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement('iframe')
      frame.hidden = true
      document.body.append(frame)
      this.inner = frame.contentWindow
      // In a worker this goes to its owner, in a window to the window itself.
      this.inner.postMessage = (data) =>
        setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data })))
      const script = this.inner.document.createElement('script')
      this.ready = new Promise((resolve) => (script.onload = resolve))
      script.src = new URL(url, location.href).href
      this.inner.document.body.append(script)
    }

    postMessage(data) {
      this.ready.then(() =>
        this.inner.dispatchEvent(new this.inner.MessageEvent('message', { data })),
      )
    }

    terminate() {
      this.inner.frameElement.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
