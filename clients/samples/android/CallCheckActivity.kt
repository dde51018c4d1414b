package com.example.bank.verification

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.webkit.WebResourceRequest
import android.webkit.WebView
import android.webkit.WebViewClient
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import androidx.webkit.WebViewFeature
import org.json.JSONObject

/**
 * Shows the page `/app/` of the verification service in the bank's app. The customer does not sign in again: the page asks
 * the app for its access token (specs/protocol.md section 12.3).
 */
class CallCheckActivity : Activity() {
    private val service: Uri = Uri.parse(BankApp.verificationService)
    private val origin = "${service.scheme}://${service.authority}"

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        val view = WebView(this)
        setContentView(view)
        view.settings.javaScriptEnabled = true
        // The page keeps the language and the type size there, and nothing else.
        view.settings.domStorageEnabled = true
        view.settings.allowFileAccess = false
        view.webViewClient = OnlyTheService()
        if (!canGiveTokens()) return finish()
        WebViewCompat.addWebMessageListener(view, "bankTokens", setOf(origin), ::answer)
        val script = resources.openRawResource(R.raw.token_bridge).use { it.readBytes().decodeToString() }
        WebViewCompat.addDocumentStartJavaScript(view, script, setOf(origin))
        view.loadUrl("$origin/app/")
    }

    private fun canGiveTokens() =
        WebViewFeature.isFeatureSupported(WebViewFeature.WEB_MESSAGE_LISTENER) &&
            WebViewFeature.isFeatureSupported(WebViewFeature.DOCUMENT_START_SCRIPT)

    /** Called by Android for messages of the service's origin only. A frame inside the page gets no token. */
    private fun answer(view: WebView, message: WebMessageCompat, from: Uri, main: Boolean, reply: JavaScriptReplyProxy) {
        if (!main) return
        val id = JSONObject(message.data ?: return).getInt("id")
        val token = BankApp.accessToken() ?: JSONObject.NULL
        reply.postMessage(JSONObject().put("id", id).put("token", token).toString())
    }

    /** Opens telephone numbers in the dialler. Everything else that leaves the service is not opened. */
    private inner class OnlyTheService : WebViewClient() {
        override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest): Boolean {
            val url = request.url
            if (url.scheme == "tel") startActivity(Intent(Intent.ACTION_DIAL, url))
            return url.scheme != service.scheme || url.authority != service.authority
        }
    }
}
