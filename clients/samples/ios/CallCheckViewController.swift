import UIKit
import WebKit

/// Shows the page `/app/` of the verification service in the bank's app. The customer does not sign in again: the page
/// asks the app for its access token (specs/protocol.md section 12.3). It needs iOS 14.
final class CallCheckViewController: UIViewController, WKNavigationDelegate, WKScriptMessageHandlerWithReply {
    private let service: URL
    private let accessToken: () async -> String?

    /// `service` is the https address of the service. `accessToken` returns the customer's current access token, or nil if
    /// they are not signed in. Both come from the bank's app.
    init(service: URL, accessToken: @escaping () async -> String?) {
        self.service = service
        self.accessToken = accessToken
        super.init(nibName: nil, bundle: nil)
    }

    @available(*, unavailable)
    required init?(coder: NSCoder) { fatalError("not used") }

    override func loadView() {
        let configuration = WKWebViewConfiguration()
        guard let file = Bundle.main.url(forResource: "token-bridge", withExtension: "js"),
              let source = try? String(contentsOf: file, encoding: .utf8) else { fatalError("token-bridge.js is missing") }
        let script = WKUserScript(source: source, injectionTime: .atDocumentStart, forMainFrameOnly: true)
        configuration.userContentController.addUserScript(script)
        configuration.userContentController.addScriptMessageHandler(self, contentWorld: .page, name: "bankTokens")
        let view = WKWebView(frame: .zero, configuration: configuration)
        view.navigationDelegate = self
        self.view = view
        view.load(URLRequest(url: service.appendingPathComponent("app/")))
    }

    /// Every page in the view could ask, so the asker is checked: the main frame, and the origin of the service.
    func userContentController(_ controller: WKUserContentController, didReceive message: WKScriptMessage,
                               replyHandler: @escaping (Any?, String?) -> Void) {
        let origin = message.frameInfo.securityOrigin
        let port = service.port ?? 0
        guard message.frameInfo.isMainFrame, origin.protocol == service.scheme, origin.host == service.host,
              origin.port == port else { return replyHandler(NSNull(), nil) }
        Task { @MainActor in
            let token = await accessToken()
            replyHandler(token ?? NSNull(), nil)
        }
    }

    /// Opens telephone numbers in the dialler. Everything else that leaves the service is not opened.
    func webView(_ webView: WKWebView, decidePolicyFor action: WKNavigationAction,
                 decisionHandler: @escaping (WKNavigationActionPolicy) -> Void) {
        guard let url = action.request.url else { return decisionHandler(.cancel) }
        if url.scheme == "tel" { UIApplication.shared.open(url) }
        let ours = url.scheme == service.scheme && url.host == service.host && url.port == service.port
        decisionHandler(ours ? .allow : .cancel)
    }
}
