var we,Rr,un,eo,Zl,Fr,Yl,Hr,wo,to,ls=Symbol.for("pv"),Ql={},Xl=[],Pc=/^m(i|n|o|s|text|space)$/,ko=Array.isArray,So=Xl.slice,An=Object.assign;function Mn(e){e&&e.parentNode&&e.remove()}function Dc(e,t,n){var l,s,o,r={},a=arguments.length;for(o in t)o=="key"?l=t[o]:o=="ref"&&typeof e!="function"?s=t[o]:r[o]=t[o];return a>2&&(r.children=a>3?So.call(arguments,2):n),kl(e,r,l,s,null)}function kl(e,t,n,l,s){var o={type:e,props:t,key:n,ref:l,__k:null,__:null,__b:0,__e:null,__c:null,constructor:ls,__v:s||++Rr,__i:-1,__u:0};return!s&&we.vnode&&we.vnode(o),o}function ss(e){return e.children}function ql(e,t){this.props=e,this.context=t,this.__g=0}function hn(e,t){if(t==null)return e.__&&hn(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:hn(e)}function Lc(e){var t,n=e.__v,l=n.__e,s=[],o=[],r=e.__P;r&&((t=An({constructor:ls},n)).__v=n.__v+1,we.vnode&&we.vnode(t),To(r,t,n,e.__n,r.namespaceURI,32&n.__u?[l]:null,s,l||hn(n),32&n.__u,o),t.__v=n.__v,t.__.__k[t.__i]=t,Ur(s,t,o),n.__=n.__e=null,t.__e!=l&&Ir(t))}function Ir(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),Ir(e)}function bi(e){(8&e.__g||(e.__g|=8,un.push(e),Zl++))&&eo==we.debounceRendering||((eo=we.debounceRendering)||queueMicrotask)(jr)}function jr(){try{for(var e,t=1;un.length;)un.length>t&&un.sort(Fr),e=un.shift(),t=un.length,8&e.__g&&Lc(e)}finally{(Zl=un.length)&&(eo||queueMicrotask)(jr)}}function Vr(e,t,n,l,s,o,r,a,u,f,p){var _,m,y,S,b,w,E=l.__k||Xl,k=t.length;for(u=Nc(n,t,E,u,k),_=0;_<k;_++)(y=n.__k[_])!=null&&(m=~y.__i&&E[y.__i]||Ql,y.__i=_,w=To(e,y,m,s,o,r,a,u,f,p),S=y.__e,(m.ref!=y.ref||8&m.__u)&&(m.ref&&xo(m.ref,null,y,m),y.ref&&p.push(y.ref,y.__c||S,y)),b=b||S,4&y.__u?(u=Wr(y,u,e,!m.__v),m.__e&&(m.__e=null)):typeof y.type=="function"&&w!==void 0?u=w:S&&(u=S.nextSibling),y.__u&=-21);return n.__e=b,u}function Nc(e,t,n,l,s){var o,r,a,u,f,p,_,m,y,S=n.length,b=S,w=0,E=0,k=e.__k=Array(s);for(o=0;o<s;o++)(r=t[o])!=null&&typeof r!="boolean"&&typeof r!="function"?(typeof r!="object"||r.constructor===String?r=k[o]=kl(null,r):ko(r)?r=k[o]=kl(ss,{children:r}):r.constructor===ls&&r.__b?r=k[o]=kl(r.type,r.props,r.key,r.ref,r.__v):k[o]=r,u=o+w,r.__=e,r.__b=e.__b+1,a=null,~(f=r.__i=Oc(r,n,u,b))&&(b--,(a=n[f])&&(a.__u|=2)),a&&a.__v?(r.__u|=16,f==u-1?w--:f==u+1?w++:f!=u&&(f>u?w--:w++,E=1)):(~f||(s>S?w--:s<S&&w++),typeof r.type!="function"&&(r.__u|=4))):k[o]=null;if(E){for(p=[],_=[],o=0;o<s;o++)if((r=k[o])&&16&r.__u){for(w=0,m=p.length;w<m;)p[y=w+m>>1]<r.__i?w=y+1:m=y;p[w]=r.__i,_[o]=w+1}for(w=p.length;o--;)_[o]&&(_[o]==w?w--:k[o].__u|=4)}if(b)for(o=0;o<S;o++)!(a=n[o])||2&a.__u||(a.__e==l&&(l=hn(a)),Co(a,a));return l}function Wr(e,t,n,l){var s,o,r,a;if(typeof e.type=="function"){if(e.props.__P)return t;if(s=e.__k)for(o=0;o<s.length;o++)s[o]&&(s[o].__=e,t=Wr(s[o],t,n,!1));return t}for(t&&!t.parentNode&&(t=hn(e))&&!t.parentNode&&(t=null),r=e.__e,a=t;a&&a.nodeType==8;)a=a.nextSibling;for(r!=a&&(!l&&n.moveBefore&&r.parentNode?n.moveBefore(r,t):n.insertBefore(r,t||null)),t=r;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function Oc(e,t,n,l){var s,o=e.key,r=e.type,a=t[n],u=a&&!(2&a.__u);if(a===null&&o==null||u&&o==a.key&&r==a.type)return n;if(l>(u?1:0)){for(s=n-1;s>=0;s--)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s;for(s=n+1;s<t.length;s++)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s}return-1}function wi(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function jl(e,t,n,l,s){var o,r;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof l=="string"&&(e.style.cssText=l=""),l)for(t in l)n&&t in n||wi(e.style,t);if(n)for(t in n)l&&n[t]==l[t]||wi(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof l!="function"&&(l=null),(e.__e||(e.__e={}))[t]=n,n&&l||(r=to[t]||(to[t]=Rc(t)),(e.__a||(e.__a={}))[t]=wo,o=t!=(t=t.replace(Hr,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,r,o):e.removeEventListener(t,r,o));else{if(s=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function Rc(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[Yl]==null)t[Yl]=wo++;else if(t[Yl]<this.__a[e])return;return n(we.event?we.event(t):t)}}}function To(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,w,E,k,P,x,q,L,Y,U,H,I,M,G=t.type;if(t.constructor!==ls)return null;128&n.__u&&(u=32&n.__u,p=n.__c.__z)&&(t.__u|=u,_=o=[],p.nodeType==8?a=Kl(p,o):o.push(p),a=o[0]||a),(p=we.__b)&&p(t);e:if(typeof G=="function"){m=r.length;try{if(E=t.props,k=(p=G.prototype)&&p.render,P=(p=G.contextType)&&l[p.__c],x=p?P?P.props.value:p.__:l,(y=n.__c)?(t.__c=y,2&y.__g&&(y.__g|=1)):(k?t.__c=y=new G(E,x):(t.__c=y=new ql(E,x),y.constructor=G,y.render=Hc),P&&P.sub(y),y.state||(y.state={}),y.__n=l,y.__g|=8,y.__h=[],y.__k=[]),k&&(y.__s||(y.__s=y.state),G.getDerivedStateFromProps&&(y.__s==y.state&&(y.__s=An({},y.__s)),An(y.__s,G.getDerivedStateFromProps(E,y.__s)))),S=y.props,b=y.state,y.__v=t,n.__c){if(E!==S&&k&&!G.getDerivedStateFromProps&&y.componentWillReceiveProps&&y.componentWillReceiveProps(E,x),t.__v==n.__v&&!(8&y.__g)||!(4&y.__g)&&y.shouldComponentUpdate&&y.shouldComponentUpdate(E,y.__s,x)===!1){t.__v!=n.__v&&(y.props=E,y.state=y.__s,y.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(N){N&&(N.__=t)}),Xl.push.apply(y.__h,y.__k),y.__k=[],y.__h.length&&r.push(y),a=hn(n);break e}y.componentWillUpdate&&y.componentWillUpdate(E,y.__s,x),k&&y.componentDidUpdate&&y.__h.push(function(){y.componentDidUpdate(S,b,w)})}else k&&!G.getDerivedStateFromProps&&y.componentWillMount&&y.componentWillMount(),k&&y.componentDidMount&&y.__h.push(y.componentDidMount);y.context=x,y.props=E,y.__P=e,y.__g&=-5,q=we.__r,L=k?25:0;do y.__g&=-9,q&&q(t),p=y.render(y.props,y.state=y.__s,y.context);while(8&y.__g&&++L<25);k&&(Xl.push.apply(y.__h,y.__k),y.__k=[]),y.state=y.__s,y.getChildContext&&(l=An({},l,y.getChildContext())),k&&n.__c&&y.getSnapshotBeforeUpdate&&(w=y.getSnapshotBeforeUpdate(S,b)),Y=p&&p.type===ss&&p.key==null?p.props.children:p,E.__P&&(p=a,s=(e=E.__P).namespaceURI,u=o=null,n.props&&n.props.__P!=e&&(n.__k.some(function(N){N&&Co(N,N)}),n.__k=null),a=n.__k?hn(n,0):null),a=Vr(e,ko(Y)?Y:[Y],t,n,l,s,o,r,a,u,f),E.__P&&(t.__e=null,a=p),t.__u&=-161,_&&_.some(Mn),y.__h.length&&r.push(y),1&y.__g&&(y.__g&=-4)}catch(N){if(r.length=m,t.__v=null,u||o)if(N&&N.then){if(t.__u|=128|u,o){for(~(I=o.indexOf(a||void 0))||(I=o.length);(M=o[I-1])&&M.nodeType==8;)I--;for(;I<o.length;I++)if(M=o[I])if(o[I]=null,U){if(M==H)break}else{if(M.nodeType!=8)break;M.data.startsWith("$s")&&(H=Kl(U=M))}}if(!U){for(;a&&a.nodeType==8&&a.nextSibling;)a=a.nextSibling;U=a}(p=Kl(U=t.__c.__z||(t.__c.__z=U)))?(t.__e=U,a=p):t.__e=a,a=a&&a.nextSibling}else o&&o.some(Mn);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),N&&N.then||zr(t),we.__e(N,t,n)}}else a=t.__e=Fc(n.__e,t,n,l,s,o,r,u,f,e);return(p=we.diffed)&&p(t),a}function Kl(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function zr(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(zr))}function Ur(e,t,n){for(var l=0;l<n.length;)xo(n[l++],n[l++],n[l++]);we.__c&&we.__c(t,e),e.some(function(s){try{e=s.__h,s.__h=[],e.some(function(o){o.call(s)})}catch(o){we.__e(o,s.__v)}})}function Fc(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,w,E,k=n.props||Ql,P=t.props,x=t.type;if(x=="svg"?s="http://www.w3.org/2000/svg":x=="math"?s="http://www.w3.org/1998/Math/MathML":s||(s="http://www.w3.org/1999/xhtml"),o){for(p=0;p<o.length;p++)if((S=o[p])&&(x?S.localName==x:S.nodeType==3)){e=S,o[p]=null;break}}if(!e){if(E=f.ownerDocument||document,!x)return E.createTextNode(P);e=E.createElementNS(s,x,P.is?P:f),a&&(we.__m&&we.__m(t,o),a=!1),o=null}if(x){if(f=x=="template"&&e.content||e,o=x=="textarea"&&P.defaultValue!=null?null:o&&So.call(f.childNodes),!a&&o)for(k={},p=0;p<e.attributes.length;p++)k[(S=e.attributes[p]).name]=S.value;for(p in k)S=k[p],p=="dangerouslySetInnerHTML"?m=S:p=="children"||p in P||p=="value"&&"defaultValue"in P||p=="checked"&&"defaultChecked"in P||jl(e,p,null,S,s);for(p in P)S=P[p],p=="children"?y=S:p=="dangerouslySetInnerHTML"?_=S:p=="value"?b=S:p=="checked"?w=S:a&&typeof S!="function"||k[p]===S||jl(e,p,S,k[p],s);_?(a||m&&(_.__html==m.__html||_.__html==e.innerHTML)||(e.innerHTML=_.__html),t.__k=[]):(m&&(e.textContent=""),(x=="foreignObject"||s=="http://www.w3.org/1998/Math/MathML"&&Pc.test(x))&&(s="http://www.w3.org/1999/xhtml"),Vr(f,ko(y)?y:[y],t,n,l,s,o,r,o?o[0]:n.__k&&hn(n,0),a,u),o&&o.some(Mn)),a&&x!="textarea"||(p="value",x=="progress"&&b==null?e.removeAttribute(p):b==null||b===e[p]&&(x!="progress"||b)||jl(e,p,b,k[p],s),p="checked",w!=null&&w!=e[p]&&jl(e,p,w,k[p],s))}else k===P||a&&e.data==P||(e.data=P);return e}function xo(e,t,n,l){try{typeof e=="function"?t?t.__x=e(t)||1:l&&(l=l.__c||l.__e)&&(t=l.__x)&&(l.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(s){we.__e(s,n)}}function Co(e,t,n){var l,s,o,r;if(we.unmount&&we.unmount(e),!(l=e.ref)||l.current&&l.current!=e.__e||xo(l,null,t,e),l=e.__c){if(l.componentWillUnmount)try{l.componentWillUnmount()}catch(a){we.__e(a,t)}l.__P=l.__n=null}if(l=e.__k)for(r=0;r<l.length;r++)l[r]&&Co(l[r],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(l=e.__c)&&(l=l.__z)&&(s=Kl(l,o=[]))&&(l==e.__e&&o.some(Mn),Mn(s),Mn(l)),n||Mn(e.__e),e.__e=e.__c=e.__=null}function Hc(e,t,n){return this.constructor(e,n)}function Ic(e,t){var n,l,s,o;we.__&&we.__(e,t),t.nodeType==9&&(t=t.documentElement),l=(n=e&&32&e.__u)?null:t.__k,t.__k=kl(ss,{children:[e]}),s=[],o=[],To(t,t.__k,l||Ql,Ql,t.namespaceURI,l?null:t.firstChild?So.call(t.childNodes):null,s,l?l.__e:t.firstChild,n,o),Ur(s,t.__k,o),t.__k.props.children=null}we={__e:function(e,t,n,l){for(var s,o,r;t=t.__;)if((s=t.__c)&&!(1&s.__g)){s.__g|=4;try{if((r=(o=s.constructor)&&o.getDerivedStateFromError)&&s.setState(o.getDerivedStateFromError(e)),s.componentDidCatch&&(s.componentDidCatch(e,l||{}),r=1),r&&8&s.__g)return void(s.__g|=2)}catch(a){e=a}}throw Zl=0,e}},Rr=0,ql.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=An({},this.state)),typeof e=="function"&&(e=e(An({},n),this.props)),e&&(An(n,e),this.__v&&(t&&this.__k.push(t),bi(this)))},ql.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),bi(this))},ql.prototype.render=ss,un=[],Zl=0,Fr=function(e,t){return e.__v.__b-t.__v.__b},Yl=Symbol(),Hr=/(PointerCapture)$|Capture$/i,wo=0,to={};var nl,Fe,js,ki,no=Object.is,Cl=0,Gr=[],lo=[],Re=we,Si=Re.__b,Ti=Re.__r,xi=Re.diffed,Ci=Re.__c,Ei=Re.unmount,Mi=Re.__;function os(e,t){Re.__h&&Re.__h(Fe,e,Cl||t),Cl=0;var n=Fe.__H||(Fe.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function le(e){return Cl=1,jc(Yr,e)}function jc(e,t,n){var l=os(nl++,2);if(l.t=e,!l.__c&&(l.__=[Yr(void 0,t),function(o){var r=(l.__N||l.__)[0],a=l.t(r,o);no(r,a)||(l.__N=[a,l.__[1]],l.__c.setState({}))}],l.__c=Fe,!Fe.__f)){Fe.__f=!0;var s=Fe.shouldComponentUpdate;Fe.shouldComponentUpdate=function(o,r,a){var u=this.__H;if(!u)return!0;var f=!1,p=this.props!=o;if(u.__.some(function(m){m.__N&&(f=!0,no(m.__[0],m.__N[0])||(p=!0))}),s){var _=s.call(this,o,r,a);return f?_||p:_}return!f||p}}return l.__}function Yt(e,t){var n=os(nl++,3);!Re.__s&&Br(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,Fe.__H.__h.push(n))}function is(e){return Cl=5,Eo(function(){return{current:e}},[])}function Eo(e,t){var n=os(nl++,7);return Br(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function Vc(e,t){return Cl=8,Eo(function(){return e},t)}function rs(){var e=os(nl++,11);if(!e.__){for(var t=Fe.__v;!t.__m&&t.__;)t=t.__;var n=t.__m||(t.__m=[0,0]);e.__="P"+n[0]+"-"+n[1]++}return e.__}function Wc(){var e;do{for(;e=lo.shift();)try{Sl(e)}catch(n){Re.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Gr.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Sl),t.__h.some(so),t.__h=[]}catch(n){t.__h=[],Re.__e(n,e.__v)}}}while(lo.length)}Re.__b=function(e){Fe=null,Si&&Si(e)},Re.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Mi&&Mi(e,t)},Re.__r=function(e){Ti&&Ti(e),nl=0;var t=(Fe=e.__c).__H;t&&(js==Fe?Fe.__h=[]:(t.__h.some(Sl),t.__h.some(so),nl=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),js=Fe},Re.diffed=function(e){xi&&xi(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Pi(Gr.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),js=Fe=null},Re.__c=function(e,t){t.some(function(n){try{n.__h.some(Sl),n.__h=n.__h.filter(function(l){return!l.__||so(l)})}catch(l){n.__h=[function(){throw l}]}}),Ci&&Ci(e,t)},Re.unmount=function(e){Ei&&Ei(e);var t,n,l=e.__c;l&&l.__H&&(l.__H.__.some(function(s){try{if(s.__P&&s.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}s.__P=n,Pi(lo.push(s))}else Sl(s)}catch(o){t=o}}),l.__H=void 0,t&&Re.__e(t,l.__v))};var Ai=typeof requestAnimationFrame=="function";function zc(e){var t,n=function(){clearTimeout(l),Ai&&cancelAnimationFrame(t),setTimeout(e)},l=setTimeout(n,35);Ai&&(t=requestAnimationFrame(n))}function Pi(e){e!=1&&ki==Re.requestAnimationFrame||((ki=Re.requestAnimationFrame)||zc)(Wc)}function Sl(e){var t=Fe,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),Fe=t}function so(e){var t=Fe;e.__c=e.__(),Fe=t}function Br(e,t){return!e||e.length!=t.length||t.some(function(n,l){return!no(n,e[l])})}function Yr(e,t){return typeof t=="function"?t(e):t}const oo="recfunnel.key",Uc=new URL("../",document.baseURI);class Di extends Error{constructor(t,n,l=null){super(n),this.status=t,this.field=l}}const io=()=>sessionStorage.getItem(oo)||"";function qr(e){e?sessionStorage.setItem(oo,e):sessionStorage.removeItem(oo)}function Gc(e,t){const n=new URL(e.replace(/^\//,""),Uc);for(const[l,s]of Object.entries(t||{}))s!==""&&s!==null&&s!==void 0&&n.searchParams.set(l,s);return n}async function $n(e,t,{params:n,body:l,accept:s=[]}={}){const o={Accept:"application/json"};io()&&(o["X-API-Key"]=io()),l!==void 0&&(o["Content-Type"]="application/json");let r;try{r=await fetch(Gc(t,n),{method:e,headers:o,body:l===void 0?void 0:JSON.stringify(l),cache:"no-store",credentials:"omit"})}catch{throw new Di(0,"The service cannot be reached. Does it run?")}const a=await r.text(),u=a?Bc(a):null;if(!r.ok&&!s.includes(r.status))throw new Di(r.status,u?.error?.message||`The answer is ${r.status}.`,u?.error?.field);return u}function Bc(e){try{return JSON.parse(e)}catch{return null}}const xe=(e,t,n)=>$n("GET",e,{params:t,...n}),tn=(...e)=>"/"+e.map(encodeURIComponent).join("/");var Kr=function(e,t,n,l){var s;t[0]=0;for(var o=1;o<t.length;o++){var r=t[o++],a=t[o]?(t[0]|=r?1:2,n[t[o++]]):t[++o];r===3?l[0]=a:r===4?l[1]=Object.assign(l[1]||{},a):r===5?(l[1]=l[1]||{})[t[++o]]=a:r===6?l[1][t[++o]]+=a+"":r?(s=e.apply(a,Kr(e,a,n,["",null])),l.push(s),a[0]?t[0]|=2:(t[o-2]=0,t[o]=s)):l.push(a)}return l},Li=new Map;function Yc(e){var t=Li.get(this);return t||(t=new Map,Li.set(this,t)),(t=Kr(this,t.get(e)||(t.set(e,t=(function(n){for(var l,s,o=1,r="",a="",u=[0],f=function(m){o===1&&(m||(r=r.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?u.push(0,m,r):o===3&&(m||r)?(u.push(3,m,r),o=2):o===2&&r==="..."&&m?u.push(4,m,0):o===2&&r&&!m?u.push(5,0,!0,r):o>=5&&((r||!m&&o===5)&&(u.push(o,0,r,s),o=6),m&&(u.push(o,m,0,s),o=6)),r=""},p=0;p<n.length;p++){p&&(o===1&&f(),f(p));for(var _=0;_<n[p].length;_++)l=n[p][_],o===1?l==="<"?(f(),u=[u],o=3):r+=l:o===4?r==="--"&&l===">"?(o=1,r=""):r=l+r[0]:a?l===a?a="":r+=l:l==='"'||l==="'"?a=l:l===">"?(f(),o=1):o&&(l==="="?(o=5,s=r,r=""):l==="/"&&(o<5||n[p][_+1]===">")?(f(),o===3&&(u=u[0]),o=u,(u=u[0]).push(2,0,o),o=0):l===" "||l==="	"||l===`
`||l==="\r"?(f(),o=2):r+=l),o===3&&r==="!--"&&(o=4,u=u[0])}return f(),u})(e)),t),arguments,[])).length>1?t:t[0]}const d=Yc.bind(Dc),qc=new Intl.NumberFormat("en"),Z=e=>e==null?"–":qc.format(Math.round(e)),Pe=(e,t=3)=>e==null||!Number.isFinite(e)?"–":String(+e.toFixed(t)),Bt=(e,t=1)=>e==null||!Number.isFinite(e)?"–":`${(100*e).toFixed(t)} %`,Qt=e=>e==null?"–":e>0&&e<.05?"< 0.1 ms":`${Pe(e,e<10?1:0)} ms`,Kc=e=>e>=.1?`${Pe(e,1)} a second`:`${Pe(e*3600,1)} an hour`,Jc=e=>(e>0?"+":e<0?"−":"")+Pe(Math.abs(e));function _t(e){if(e==null)return"–";const t=new Date(e*1e3),n=s=>String(s).padStart(2,"0");return`${`${t.getFullYear()}-${n(t.getMonth()+1)}-${n(t.getDate())}`} ${n(t.getHours())}:${n(t.getMinutes())}`}function Jr(e,t=Date.now()/1e3){const n=Math.max(0,t-e),l=[[86400,"day"],[3600,"hour"],[60,"minute"]];for(const[s,o]of l){const r=Math.floor(n/s);if(r)return`${r} ${o}${r===1?"":"s"}`}return"less than a minute"}function Zc(e){return e==null?"–":e<1e6?`${Math.round(e/1e3)} kB`:`${Pe(e/1e6,1)} MB`}const Ae=e=>e==null||e===""?"–":Array.isArray(e)?e.join(", "):typeof e=="object"?JSON.stringify(e):String(e);function He(e,t){const[n,l]=le({data:null,error:null,loading:!0}),[s,o]=le(0);Yt(()=>{let a=!0;const u=e();if(!u){l({data:null,error:null,loading:!1});return}return l(f=>({...f,error:null,loading:!0})),u.then(f=>a&&l({data:f,error:null,loading:!1}),f=>a&&l({data:null,error:f,loading:!1})),()=>{a=!1}},[...t,s]);const r=Vc(()=>o(a=>a+1),[]);return{...n,reload:r}}function Ie({of:e,children:t,what:n=""}){return e.error?d`<${qt} error=${e.error} retry=${e.reload} what=${n} />`:e.data===null?e.loading?d`<p class="muted loading" role="status">Loading…</p>`:null:t(e.data)}function qt({error:e,retry:t,what:n}){return d`<div class="notice bad" role="alert">
    <strong>${{403:"Your key may not do this",404:"Not found",503:"Not available now"}[e.status]||"This did not work"}${n&&` (${n})`}</strong>
    <p>${e.message}</p>
    ${t&&e.status!==403&&d`<button type="button" onClick=${t}>Try again</button>`}
  </div>`}const De=({children:e})=>d`<p class="muted empty">${e}</p>`,Nt=({name:e,value:t,note:n,bad:l})=>d`<div class=${`tile${l?" bad":""}`}>
  <dt>${e}</dt>
  <dd>${t}</dd>
  ${n&&d`<dd class="note">${n}</dd>`}
</div>`,Le=({kind:e,children:t})=>d`<span class=${`badge ${e||""}`}>${t}</span>`;function _e({caption:e,columns:t,rows:n,empty:l="Nothing yet.",hideCaption:s}){return n.length?d`<div class="scroll" tabindex="0" role="region" aria-label=${e}>
    <table>
      <caption class=${s?"hidden":""}>${e}</caption>
      <thead>
        <tr>${t.map(([o,,r])=>d`<th scope="col" class=${r}>${o}</th>`)}</tr>
      </thead>
      <tbody>
        ${n.map(o=>d`<tr>
            ${t.map(([,r,a])=>d`<td class=${a}>${r(o)}</td>`)}
          </tr>`)}
      </tbody>
    </table>
  </div>`:d`<${De}>${l}<//>`}const Ml=({share:e,kind:t})=>d`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
  <rect class="track" width="100" height="8" rx="2" />
  <rect class=${`fill ${t||""}`} width=${Math.max(0,Math.min(100,100*e))} height="8" rx="2" />
</svg>`;function $e({label:e,hint:t,children:n,...l}){const s=rs();return d`<div class="field">
    <label for=${s}>${e}</label>
    ${n?n(s):d`<input id=${s} ...${l} aria-describedby=${t?`${s}-hint`:void 0} />`}
    ${t&&d`<small id=${`${s}-hint`}>${t}</small>`}
  </div>`}function nn(e){return e.preventDefault(),Object.fromEntries(new FormData(e.currentTarget))}function Qc({value:e,suggest:t}){const n=rs(),[l,s]=le(e||""),[o,r]=le([]);return Yt(()=>{const a=setTimeout(()=>t(l).then(r,()=>r([])),200);return()=>clearTimeout(a)},[l]),d`<${$e}
      label="User"
      name="user"
      required
      maxlength="256"
      autocomplete="off"
      list=${n}
      value=${l}
      onInput=${a=>s(a.currentTarget.value)}
    />
    <datalist id=${n}>${o.map(a=>d`<option value=${a} />`)}</datalist>`}const Xc=({overview:e,options:t})=>d`
  <${$e} label="Scene">
    ${n=>d`<select id=${n} name="scene">
      ${e.scenes.map(l=>d`<option value=${l} selected=${l===(t.scene||"home")}>${l}</option>`)}
    </select>`}
  <//>
  <${$e} label="Filter" name="filter" maxlength="500" value=${t.filter||""} placeholder=${'category == "Drama"'} />
  <${$e} label="Items" name="k" type="number" min="1" max=${e.k_max} value=${t.k||10} />
`,eu={passed:"good",refused:"bad",forced:"warn"},tu={passed:"good",failed:"bad",unclear:"warn"},ro="admin",nu=/^(ndcg|recall|hit|coverage|mrr|map)/i;function lu({bundle:e}){return d`
    ${e.fault&&d`<p class="notice bad">${e.fault}</p>`}
    <${_e}
      caption=${`What the gate compared ${e.version} with`}
      empty="The gate did not run."
      rows=${e.checks||[]}
      columns=${[["against",t=>t.baseline],["users",t=>`${Z(t.user_count)} ${t.users.replace("_",", ")}`],["outcome",t=>d`<${Le} kind=${tu[t.outcome]}>${t.outcome}<//>`],["",t=>t.explanation,"wide"]]}
    />
  `}function Vs(e,t){return[...new Set([...Object.keys(e||{}),...Object.keys(t||{})])].sort().filter(l=>JSON.stringify(e?.[l])!==JSON.stringify(t?.[l]))}function su({bundles:e}){const t=e.filter(f=>!f.fault),[n,l]=le([0,1]);if(t.length<2)return d`<${De}>There is one bundle, and nothing to compare it with.<//>`;const[s,o]=n.map(f=>t[f]),r=f=>p=>l(n.map((_,m)=>m===f?p.currentTarget.selectedIndex:_)),a=Vs(s.metrics,o.metrics).filter(f=>nu.test(f)),u=f=>[["",p=>p],[s.version,p=>f(s,p),"n"],[o.version,p=>f(o,p),"n"]];return d`
    <div class="controls">
      ${["One bundle","Another"].map((f,p)=>d`<${$e} label=${f}>
          ${_=>d`<select id=${_} onChange=${r(p)}>
            ${t.map((m,y)=>d`<option value=${m.version} selected=${y===n[p]}>${m.version}</option>`)}
          </select>`}
        <//>`)}
    </div>
    <${_e} caption="Metrics that differ" empty="The metrics are the same." rows=${a} columns=${u((f,p)=>Pe(f.metrics?.[p]))} />
    <${_e}
      caption="Rows that differ"
      empty="Both have the same numbers of users, items and events."
      rows=${Vs(s.rows,o.rows)}
      columns=${u((f,p)=>Z(f.rows?.[p]))}
    />
    <${_e}
      caption="Settings that differ"
      empty="They were trained with the same settings."
      rows=${Vs(s.settings,o.settings)}
      columns=${u((f,p)=>Ae(f.settings?.[p]))}
    />
  `}function ou({bundle:e,onDone:t}){const n=is(null),[l,s]=le(null),o=async()=>{n.current.close(),s(null);try{await $n("POST",tn("bundles",e.version,"activate")),t(e.version)}catch(r){s(r)}};return d`
    <button type="button" onClick=${()=>n.current.showModal()} aria-label=${`Activate ${e.version}`}>Activate</button>
    <dialog ref=${n} aria-label=${`Put ${e.version} into service`}>
      <p>Put <code>${e.version}</code> into service? Every worker loads it within some seconds.</p>
      ${e.gate==="refused"&&d`<p class="notice warn">The gate refused this bundle.</p>`}
      <p class="row">
        <button type="button" class="main" onClick=${o}>Put it into service</button>
        <button type="button" onClick=${()=>n.current.close()}>Leave it</button>
      </p>
    </dialog>
    ${l&&d`<${qt} error=${l} />`}
  `}function iu({bundles:e,canActivate:t,overview:n,reload:l}){const[s,o]=le(e.find(m=>m.in_service)?.version||e[0]?.version),[r,a]=le(""),u=t&&n.roles.includes(ro),f=m=>{a(m),l()},p=m=>m.in_service?d`<${Le} kind="good">in service<//>`:u&&!m.fault?d`<${ou} bundle=${m} onDone=${f} />`:"",_=e.find(m=>m.version===s);return d`
    ${!t&&d`<p class="muted">This service may only read the folder of bundles: run recfunnel rollback --to where they are trained.</p>`}
    ${r&&d`<p class="notice good" role="status">${r} is put into service.</p>`}
    <${_e}
      caption="Bundles, newest first"
      hideCaption
      empty="There is no bundle. Train one with recfunnel train."
      rows=${e}
      columns=${[["version",m=>d`<button type="button" class="link" aria-pressed=${m.version===s} onClick=${()=>o(m.version)}>
            ${m.version}
          </button>`],["made",m=>_t(m.created)],["data",m=>Ae(m.dataset)],["NDCG@10",m=>Pe(m.ndcg?.mean),"n"],["gate",m=>d`<${Le} kind=${m.fault?"bad":eu[m.gate]}>${m.fault?"damaged":m.gate||"–"}<//>`],["size",m=>Zc(m.bytes),"n"],["",p]]}
    />
    ${_&&d`<h2>The gate</h2><${lu} bundle=${_} />`}
    <h2>Compare</h2>
    <${su} bundles=${e} />
  `}function ru({overview:e,reload:t}){const n=He(()=>xe("/bundles"),[]),l=()=>{n.reload(),t()};return d`
    ${!e.roles.includes(ro)&&d`<p class="muted">To activate a bundle, use a key with the role ${ro}.</p>`}
    <${Ie} of=${n} what="bundles">
      ${s=>d`<${iu} bundles=${s.bundles} canActivate=${s.can_activate} overview=${e} reload=${l} />`}
    <//>
  `}function Ni(){const[e,t=""]=location.hash.replace(/^#\/?/,"").split("?");return{page:e||"overview",options:Object.fromEntries(new URLSearchParams(t))}}function Rt(e,t={}){const n=Object.entries(t).filter(([,s])=>s!==""&&s!==void 0),l=new URLSearchParams(n).toString();return`#/${e}${l?`?${l}`:""}`}const Mo=(e,t)=>{location.hash=Rt(e,t)};function au(){const[e,t]=le(Ni);return Yt(()=>{const n=()=>t(Ni());return addEventListener("hashchange",n),()=>removeEventListener("hashchange",n)},[]),e}const cu=2e3,ao={problem:["bad","correct this"],limit:["warn","limited"],good:["good","works"]},uu=Object.keys(ao),fu={waiting:"An examination is requested. It begins within seconds, or when the training that runs has ended.",running:"An examination runs."},du=e=>uu.flatMap(t=>e.filter(n=>n.level===t));function hu({found:e}){const[t,,n,,,l]=e.events_per_user,s=[["users",`${Z(e.users)}, ${Z(e.idle_users)} without interactions`],["items",`${Z(e.items)}, ${Z(e.idle_items)} without interactions`],["interactions",Z(e.interactions)],["time",e.first===null?"no timestamps":`${_t(e.first)} to ${_t(e.last)}`],["density",Bt(e.density,3)],["positive, negative",`${Bt(e.positive)}, ${Bt(e.negative)}`],["events per user",e.events_per_user.length?`${Pe(t,0)} to ${Pe(l,0)}, median ${Pe(n,1)}`:"none"]];return d`<dl class="facts">${s.map(([o,r])=>d`<dt>${o}</dt><dd>${r}</dd>`)}</dl>`}function pu({found:e}){const t=e.files.reduce((n,l)=>n+l.bad,0);return d`
    <${_e}
      caption="Findings"
      empty="Nothing was found."
      rows=${du(e.findings)}
      columns=${[["",n=>d`<${Le} kind=${ao[n.level][0]}>${ao[n.level][1]}<//>`],["finding",n=>n.text,"sentence"]]}
    />
    <${hu} found=${e} />
    <${_e}
      caption="Rows of each file"
      empty="No files were read: the events are those of the archive."
      rows=${e.files}
      columns=${[["file",n=>n.file],["rows",n=>Z(n.rows),"n"],["used",n=>Z(n.good),"n"],["refused",n=>Z(n.bad),"n"],["duplicates",n=>Z(n.duplicates),"n"]]}
    />
    ${t>0&&d`<${_e}
      caption=${t>e.bad_rows.length?`The first ${e.bad_rows.length} of ${Z(t)} refused rows`:"Refused rows"}
      rows=${e.bad_rows}
      columns=${[["file",n=>n.file],["line",n=>Z(n.line),"n"],["reason",n=>n.reason,"sentence"],["row",n=>d`<code>${n.text}</code>`,"sentence"]]}
    />`}
    ${e.columns.length>0&&d`<details>
      <summary>Which column is read as what</summary>
      <${_e}
        caption="Columns that are read"
        hideCaption
        rows=${e.columns}
        columns=${[["file",n=>n.file],["column",n=>n.column],["read as",n=>n.field]]}
      />
    </details>`}
  `}function $u({data:e,reload:t}){const[n,l]=le(null),s=e.state!=="none";Yt(()=>{if(!s)return;const u=setInterval(t,cu);return()=>clearInterval(u)},[s]);const o=async()=>{l(null);try{await $n("POST","/doctor"),t()}catch(u){l(u)}},r=e.data?d`<code>${e.data}</code>`:"the archived events",a=e.training_id?`the training ${e.training_id}, archived events included`:"recfunnel doctor";return d`
    ${e.unavailable?d`<p class="notice warn">${e.unavailable}</p>`:d`<button type="button" disabled=${s} onClick=${o}>Examine now</button>`}
    ${n&&d`<${qt} error=${n} />`}
    ${s&&d`<p class="muted" role="status">${fu[e.state]}</p>`}
    ${e.examined===null?d`<${De}>The data were not examined yet. Each training does so.<//>`:d`<p class="muted">${r}, read by ${a}: ${Jr(e.examined)} ago.</p>`}
    ${e.error&&d`<div class="notice bad" role="alert"><strong>The data cannot be read</strong><p>${e.error}</p></div>`}
    ${e.diagnosis&&d`<${pu} found=${e.diagnosis} />`}
  `}function mu(){const e=He(()=>xe("/doctor"),[]);return d`<${Ie} of=${e} what="data">
    ${t=>d`<${$u} data=${t} reload=${e.reload} />`}
  <//>`}const _u=5e3,gu={published:"good",running:"info",waiting:"info",refused:"warn",failed:"bad"},Ws=["waiting","running"];function yu({id:e}){const t=He(()=>xe(tn("trainings",e)),[e]);return d`<${Ie} of=${t} what="log">
    ${({log:n,reason:l})=>d`
      ${l&&d`<p class="notice warn">${l}</p>`}
      ${n.length?d`<pre tabindex="0" role="region" aria-label=${`Log of ${e}`}>${n.join(`
`)}</pre>`:d`<${De}>Its log is empty.<//>`}
    `}
  <//>`}function vu({data:e,reload:t}){const[n,l]=le(""),[s,o]=le(null),r=e.trainings.some(u=>Ws.includes(u.state));Yt(()=>{if(!r)return;const u=setInterval(t,_u);return()=>clearInterval(u)},[r]);const a=async(u,f,p)=>{o(null);try{await $n(u,f,{body:p}),t()}catch(_){o(_)}};return d`
    <p class="muted">
      ${e.schedule?`By schedule: ${e.schedule}, next at ${_t(e.next)}.`:"No schedule."}
    </p>
    ${e.unavailable?d`<p class="notice warn">${e.unavailable}</p>`:d`<button type="button" disabled=${r} onClick=${()=>a("POST","/trainings",{})}>Train now</button>`}
    ${s&&d`<${qt} error=${s} />`}
    <${_e}
      caption="Trainings, newest first"
      hideCaption
      empty="None yet."
      rows=${e.trainings}
      columns=${[["requested",u=>_t(u.requested),"when"],["by",u=>Ae(u.by)],["state",u=>d`<${Le} kind=${gu[u.state]}>${u.state}<//>`],["phase",u=>Ws.includes(u.state)?`${Ae(u.phase)} ${Bt(u.progress,0)}`:Ae(u.phase)],["seconds",u=>Z(u.seconds),"n"],["gate",u=>Ae(u.gate)],["bundle",u=>Ae(u.bundle)],["",u=>d`<span class="row">
            <button
              type="button"
              aria-pressed=${n===u.training_id}
              aria-label=${`Log of ${u.training_id}`}
              onClick=${()=>l(n===u.training_id?"":u.training_id)}
            >
              Log
            </button>
            ${Ws.includes(u.state)&&d`<button
              type="button"
              disabled=${u.cancelling}
              aria-label=${`Cancel ${u.training_id}`}
              onClick=${()=>a("DELETE",tn("trainings",u.training_id))}
            >
              Cancel
            </button>`}
          </span>`]]}
    />
    ${n&&d`<${yu} key=${n+r} id=${n} />`}
  `}function bu(){const e=He(()=>xe("/trainings"),[]);return d`<${Ie} of=${e} what="trainings">
    ${t=>d`<${vu} data=${t} reload=${e.reload} />`}
  <//>`}const wu=5e3,ku={accepted:"stored",out_of_order:"stored, older than the user's newest event",too_old:"stored and counted; the full history has no room for it",duplicate:"sent again, no effect",trained:"in the data of the bundle already",invalid:"refused: not valid",type:"refused: the type is not configured",future:"refused: from the future",lost:"not stored by Redis, answered with 503"},Oi=["invalid","type","future","lost"],Ri="write",Vl="admin";function Su({total:e}){const t=e.events.reduce((n,l)=>n+l.n,0);return d`
    <${_e}
      caption="Events of the last 24 hours"
      empty="No event came in the last 24 hours."
      rows=${e.events}
      columns=${[["type",n=>n.labels[0]],["outcome",n=>d`<${Le} kind=${Oi.includes(n.labels[1])?"bad":""}>${n.labels[1]}<//> ${ku[n.labels[1]]||""}`],["events",n=>Z(n.n),"n"],["share",n=>d`<${Ml} share=${n.n/t} kind=${Oi.includes(n.labels[1])?"bad":""} /> ${Bt(n.n/t)}`]]}
    />
    <${_e}
      caption="Requests refused before they were read, in the last 24 hours"
      empty="No request was refused for its key, its role, its rate or its host."
      rows=${e.refused_requests}
      columns=${[["reason",n=>n.labels[0]],["requests",n=>Z(n.n),"n"]]}
    />
  `}function Tu(){const[e,t]=le(!1),n=He(()=>xe("/events",{limit:25}),[]);return Yt(()=>{if(!e)return;const l=setInterval(n.reload,wu);return()=>clearInterval(l)},[e]),d`
    <div class="row">
      <button type="button" onClick=${n.reload}>Look again</button>
      <label><input type="checkbox" checked=${e} onChange=${l=>t(l.currentTarget.checked)} /> every 5 seconds</label>
    </div>
    <${Ie} of=${n} what="events">
      ${({events:l})=>d`<${_e}
        caption="The newest events, the last one stored first"
        hideCaption
        empty="No event is stored. Send one with POST /events."
        rows=${l}
        columns=${[["when",s=>_t(s.timestamp),"when"],["user",s=>d`<a href=${Rt("try",{user:s.user_id})}>${s.user_id}</a>`],["type",s=>s.type],["item",s=>d`<a href=${Rt("items",{id:s.item_id})}>${s.item_id}</a>`],["value",s=>Pe(s.value,2),"n"],["list",s=>s.request_id?d`<code>${s.request_id.slice(0,8)}</code> at ${s.position??"–"}`:"–"],["context",s=>Object.keys(s.context).length?Ae(s.context):"–"]]}
      />`}
    <//>
  `}function xu({overview:e}){const t=He(()=>xe("/activity",{hours:24}),[]);return d`
    <h2>Events</h2>
    <${Ie} of=${t} what="events">${({total:n})=>d`<${Su} total=${n} />`}<//>
    <h2>Trainings</h2>
    ${e.roles.includes(Vl)?d`<${bu} />`:d`<${De}>Trainings need a key with the role ${Vl}.<//>`}
    <h2>Data of trainings</h2>
    ${e.roles.includes(Vl)?d`<${mu} />`:d`<${De}>What is in the data needs a key with the role ${Vl}.<//>`}
    <h2>The newest events</h2>
    ${e.roles.includes(Ri)?d`<${Tu} />`:d`<${De}>Events of users need a key with the role ${Ri}.<//>`}
  `}const[Fi,Zr,Gt,Wl,Hi]=[920,340,34,12,4],Ii=Zr-Gt-10;function ji(e,t,n,l,s,o){const r=(e+l)/2,a=(u,f,p)=>`${r},${u} ${r},${f} ${p},${f}`;return`M${e},${t} C${a(t,s,l)} L${l},${o} C${a(o,n,e)} Z`}function Cu({steps:{channels:e,kept:t}}){const n=e.filter(b=>b.left>0),l=n.reduce((b,w)=>b+w.left,0);if(!l||t.length<2)return null;const s=Hi*(n.length-1),o=(Ii-s)/l,r=Ii/Math.max(...t.map(b=>b.n),1),a=175,u=(Fi-a-70)/t.length,f=b=>a+u*(b+1);let p=Gt,_=Gt;const m=t[0].n*r/l,y=n.map(b=>{const[w,E]=[b.left*o,b.left*m],k={channel:b,top:p,height:w,path:ji(a+Wl,p,p+w,f(0),_,_+E)};return p+=w+Hi,_+=E,k}),S=`${e.length} channels proposed ${l} items; ${t.map(b=>`${b.name} ${b.n}`).join(", ")}.`;return d`<figure class="sankey">
    <svg viewBox=${`0 0 ${Fi} ${Zr}`} role="img" aria-label=${S}>
      ${y.map(({channel:b,top:w,height:E,path:k})=>d`<g>
          <path class="flow" d=${k} />
          <rect class="node" x=${a} y=${w} width=${Wl} height=${Math.max(1,E)} />
          <text x=${a-8} y=${w+E/2+4} text-anchor="end">${b.name} ${Z(b.left)} · ${Qt(b.ms)}</text>
        </g>`)}
      ${t.map((b,w)=>{const E=Math.max(2,b.n*r),k=t[w+1],P=b.outcome&&b.outcome!=="ok"?"node bad":"node";return d`<g>
          ${k&&d`<path class="flow" d=${ji(f(w)+Wl,Gt,Gt+Math.max(2,k.n*r),f(w+1),Gt,Gt+Math.max(2,k.n*r))} />`}
          <rect class=${P} x=${f(w)} y=${Gt} width=${Wl} height=${E} />
          <text class="strong" x=${f(w)} y=${Gt-18}>${b.name}</text>
          <text x=${f(w)} y=${Gt-5}>${Z(b.n)}${b.ms===null?"":` · ${Qt(b.ms)}`}</text>
        </g>`})}
    </svg>
    <figcaption class="muted">The height is the number of candidates.</figcaption>
  </figure>`}const Qr=/^(image|picture|poster|thumbnail|cover|photo)(_?url)?$/i,Xr=/^(price|cost)$/i,ea=e=>e.filter(t=>t==="category"||t==="year"||Qr.test(t)||Xr.test(t)).join(",");function co(e){const t=Object.keys(e||{}).find(l=>Qr.test(l)),n=t&&e[t];return typeof n=="string"&&n?n:null}const ta=e=>!/^([a-z][a-z\d+.-]*:|\/\/)/i.test(e);function Eu(e,t){const n=co(e);if(!n)return null;if(ta(n))return t?t.replace(/\/+$/,"")+"/"+n.replace(/^\/+/,""):null;const l=n.startsWith("//")?`https:${n}`:n;return l.startsWith("https://")?l:null}const Mu=e=>{e.currentTarget.hidden=!0};function na(e){const t=e.because.map((n,l)=>e.because_titles[l]||n);return t.length?`because of ${t.join(" and ")}`:`from ${e.channel}`}function Au({item:e,position:t,base:n}){const l=e.fields||{},s=Eu(l,n),o=Object.keys(l).find(a=>Xr.test(a)&&l[a]!==null),r=[Ae(l.category),Ae(l.year)].filter(a=>a!=="–");return d`<li class="card item">
    ${s&&d`<img src=${s} alt="" loading="lazy" referrerpolicy="no-referrer" onError=${Mu} />`}
    <div>
      <p class="title">
        <span class="muted">${t}.${" "}</span>
        <a href=${Rt("items",{id:e.item_id})}>${e.title||e.item_id}</a>
        ${e.slot&&e.slot!=="organic"&&d` <${Le} kind="info">${e.slot}<//>`}
      </p>
      ${o&&d`<p class="price">${Ae(l[o])}</p>`}
      ${r.length>0&&d`<p class="muted">${r.join(" · ")}</p>`}
      ${e.reason&&d`<p>${na(e.reason)}</p>`}
      <p class="muted small">${e.item_id} · score ${Pe(e.score)}${e.reason&&` · ${e.reason.channel}`}</p>
    </div>
  </li>`}function la({items:e,overview:t}){const n=t.picture_base,l=!n&&e.some(s=>co(s.fields)&&ta(co(s.fields)));return d`
    <ol class="cards">${e.map((s,o)=>d`<${Au} item=${s} position=${o+1} base=${n} />`)}</ol>
    ${l&&d`<p class="muted small">Pictures have relative addresses. Set picture_base to what is before them, and restart the service.</p>`}
  `}const sa="write",oa=e=>e.roles.includes(sa),Pu=e=>async t=>oa(e)?(await xe("/users",{prefix:t,limit:20})).users.map(n=>n.user_id):[],ia=({user:e,scene:t,filter:n,k:l,explore:s,boost:o,pin:r})=>({user_id:e,boost:o,pin:r,scene:t,filter:n,k:l||10,explore:s==="no"?"false":"true"});function ra({page:e,overview:t,options:n,children:l}){return d`<form class="controls" onSubmit=${s=>Mo(e,nn(s))}>
    <${Qc} value=${n.user} suggest=${Pu(t)} />
    <${Xc} overview=${t} options=${n} />
    ${l}
    <button class="main">Show the list</button>
  </form>`}function Du({user:e}){const t=He(()=>xe(tn("users",e,"history"),{limit:30}),[e]),n=l=>l>0?["good","liked"]:l<0?["bad","disliked"]:["","neutral"];return d`<${Ie} of=${t} what="history">
    ${({events:l})=>d`<${_e}
      caption=${`The newest events of ${e}`}
      hideCaption
      empty="No events: this user is new."
      rows=${l}
      columns=${[["item",s=>d`<a href=${Rt("items",{id:s.item_id})}>${s.title||s.item_id}</a>`],["event",s=>d`${s.type||"event"} ${s.value!==1||!s.type||s.type==="rating"?Pe(s.value,2):""}`,"when"],["",s=>d`<${Le} kind=${n(s.weight)[0]}>${n(s.weight)[1]}<//>`],["when",s=>_t(s.timestamp),"when"]]}
    />`}
  <//>`}function Lu(e){return!e||typeof e!="object"||Array.isArray(e)?Ae(typeof e=="number"?Pe(e,4):e):Object.entries(e).map(([n,l])=>typeof l=="object"?`${n} at rank ${l.rank+1}`:`${n} ${Pe(l)}`).join(", ")||"–"}function Nu({params:e}){const[t,n]=le(null),[l,s]=le(null),o=async a=>{const{item:u}=nn(a);s(null),n(null);try{n(await xe("/explain",{...e,item_id:u.trim()}))}catch(f){s(f)}},r=["item_id","stage","reason","user_id","bundle"];return d`<section aria-label="Why not this item?">
    <h2>Why not this item?</h2>
    <form class="controls" onSubmit=${o}>
      <${$e} label="Item" name="item" required maxlength="256" autocomplete="off" />
      <button>Ask</button>
    </form>
    ${l&&d`<${qt} error=${l} />`}
    ${t&&d`<div class="card" role="status">
      <p><${Le} kind=${t.stage==="shown"?"good":"warn"}>${t.stage}<//> ${t.reason}</p>
      <dl class="facts">
        ${Object.entries(t).filter(([a])=>!r.includes(a)).map(([a,u])=>d`<dt>${a.replaceAll("_"," ")}</dt><dd>${Lu(u)}</dd>`)}
      </dl>
    </div>`}
  </section>`}function Ou({overview:e,options:t}){const n=ia(t),l=ea(e.fields),s=He(()=>xe("/recommend",{...n,fields:l,preview:"true"}),[JSON.stringify(n)]);return d`
    <div class="columns">
      <section aria-label="History">
        <h2>History</h2>
        ${oa(e)?d`<${Du} user=${t.user} />`:d`<${De}>Histories need a key with the role ${sa}.<//>`}
      </section>
      <section aria-label="List">
        <h2>List</h2>
        <${Ie} of=${s} what="list">
          ${o=>d`
            <p class="row">
              <span class="muted">${o.items.length} items in ${o.took_ms} ms, not counted as shown.</span>
              <a href=${Rt("funnel",t)}>Through the funnel</a>
            </p>
            ${o.degraded.length>0&&d`<p class="notice warn">Degraded: ${o.degraded.map(r=>`${r.stage} ${r.outcome}`).join(", ")}</p>`}
            ${(o.notes||[]).map(r=>d`<p class="notice warn">${r}</p>`)}
            ${o.items.length?d`<${la} items=${o.items} overview=${e} />`:d`<${De}>The list is empty: no item passes.<//>`}
          `}
        <//>
        <${Nu} params=${n} />
      </section>
    </div>
  `}function Ru({overview:e,options:t}){return d`
    <p class="muted">The list that a user would get now. Looking at it changes nothing.</p>
    <${ra} page="try" overview=${e} options=${t}>
      <${$e} label="Exploration">
        ${n=>d`<select id=${n} name="explore">
          <option value="yes">yes</option>
          <option value="no" selected=${t.explore==="no"}>no</option>
        </select>`}
      <//>
      <${$e} label="Boost" name="boost" value=${t.boost||""} maxlength="500" placeholder=${'0.3 if category == "Drama"'} />
      <${$e} label="Pin" name="pin" value=${t.pin||""} maxlength="300" placeholder="1:50" />
    <//>
    ${t.user?d`<${Ou} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user. Any id works: one that is not known gets a list too.<//>`}
  `}const Vi=12,Wi="recall.";function Fu(e){const t=a=>e.stages.find(u=>u.stage===a),n=e.stages.filter(a=>a.stage.startsWith(Wi)).map(a=>({...a,name:a.stage.slice(Wi.length)})),[l,s,o]=["coarse","fine","rerank"].map(t),r=[l&&{name:"merged",n:l.entered,ms:null},l&&{name:"coarse",n:l.left,ms:l.ms,outcome:l.outcome},s&&{name:"fine",n:s.left,ms:s.ms,outcome:s.outcome},{name:"list",n:e.items.length,ms:o?.ms??null,outcome:o?.outcome}].filter(Boolean);return{channels:n,kept:r}}function Hu({answer:e}){const t=Math.max(1,...e.stages.map(n=>Math.max(n.entered,n.left)));return d`<${_e}
    caption="Stages in the order they ended"
    rows=${e.stages}
    columns=${[["stage",n=>n.stage],["outcome",n=>d`<${Le} kind=${n.outcome==="ok"?"good":"warn"}>${n.outcome}<//>`],["entered",n=>Z(n.entered),"n"],["left",n=>Z(n.left),"n"],["",n=>d`<${Ml} share=${n.left/t} />`],["time",n=>Qt(n.ms),"n"]]}
  />`}function Iu({item:e}){const{contributions:t,features:n,scores:l,channels:s}=e.explain,o=Object.entries(t||{}).filter(([p])=>p!=="constant");o.sort((p,_)=>Math.abs(_[1])-Math.abs(p[1]));const r=o.slice(0,Vi),a=o.slice(Vi).reduce((p,[,_])=>p+_,0),u=Math.max(1e-9,...r.map(([,p])=>Math.abs(p))),f=[...r,["all other features",a],["the same for every item",t?.constant??0]];return d`
    <p>${e.title||e.item_id}: ${na(e.reason)}. Score of each stage: ${Object.entries(l).map(([p,_])=>`${p} ${Pe(_)}`).join(", ")}.</p>
    <${_e}
      caption="Channels that proposed it"
      empty="No channel proposed it: it fills up the list."
      rows=${Object.entries(s)}
      columns=${[["channel",([p])=>p],["rank",([,p])=>p.rank+1,"n"],["score",([,p])=>Pe(p.score),"n"]]}
    />
    ${t?d`<${_e}
          caption="What each feature added to the score of the fine ranker"
          rows=${f}
          columns=${[["feature",([p])=>p],["value",([p])=>p in n?Pe(n[p]):"","n"],["added",([,p])=>Jc(p),"n"],["",([,p])=>d`<${Ml} share=${Math.abs(p)/u} kind=${p<0?"bad":"good"} />`]]}
        />`:d`<${De}>This answer has no contributions.<//>`}
  `}function ju({overview:e,options:t}){const n=ia(t),l={...n,contributions:"true",preview:"true"},s=He(()=>xe("/recommend",l),[JSON.stringify(n)]),[o,r]=le(0);return d`<${Ie} of=${s} what="funnel">
    ${a=>{const u=a.items[Math.min(o,a.items.length-1)];return d`
        <p class="muted">Answered in ${Qt(a.took_ms)} of ${Qt(e.budget_ms)}, by ${a.bundle}.</p>
        ${(a.notes||[]).map(f=>d`<p class="notice warn">${f}</p>`)}
        <${Cu} steps=${Fu(a)} />
        <${Hu} answer=${a} />
        <${_e}
          caption="Policies: what they took out or moved"
          rows=${(a.policies||[]).filter(f=>f.dropped||f.changed)}
          empty="No policy changed anything."
          columns=${[["policy",f=>f.policy],["taken out",f=>f.dropped===void 0?"":Z(f.dropped),"n"],["moved",f=>f.changed===void 0?"":Z(f.changed),"n"]]}
        />
        <h2>An item of the list</h2>
        ${u?d`<${$e} label="Item">
                ${f=>d`<select id=${f} onChange=${p=>r(p.currentTarget.selectedIndex)}>
                  ${a.items.map((p,_)=>d`<option value=${p.item_id} selected=${_===o}>${_+1}. ${p.title||p.item_id}</option>`)}
                </select>`}
              <//>
              <${Iu} item=${u} />`:d`<${De}>The list is empty.<//>`}
      `}}
  <//>`}function Vu({overview:e,options:t}){return d`
    <p class="muted">What one request does, stage by stage. It does not count as shown.</p>
    <${ra} page="funnel" overview=${e} options=${t} />
    ${t.user?d`<${ju} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user.<//>`}
  `}const zi="write";function Wu({options:e,overview:t}){const{prefix:n,title:l,filter:s,cursor:o}=e,r=["category","year"].filter(u=>t.fields.includes(u)).join(","),a=He(()=>xe("/items",{prefix:n,title:l,filter:s,cursor:o,fields:r,limit:25}),[JSON.stringify(e)]);return d`
    <form class="controls" onSubmit=${u=>Mo("items",nn(u))}>
      <${$e} label="Words of the title" name="title" value=${l||""} maxlength="200" />
      <${$e} label="Id begins with" name="prefix" value=${n||""} maxlength="256" />
      <${$e} label="Filter" name="filter" value=${s||""} maxlength="500" placeholder="year >= 1990" />
      <button class="main">Find</button>
    </form>
    <${Ie} of=${a} what="items">
      ${u=>d`
        <${_e}
          caption="Items"
          hideCaption
          empty="No item matches."
          rows=${u.items}
          columns=${[["item",f=>d`<a href=${Rt("items",{id:f.item_id})}>${f.item_id}</a>`],["title",f=>Ae(f.title)],...r?r.split(",").map(f=>[f,p=>Ae(p.fields?.[f])]):[],["",f=>f.is_available?"":d`<${Le} kind="warn">hidden<//>`]]}
        />
        ${u.cursor&&d`<p><a href=${Rt("items",{prefix:n,title:l,filter:s,cursor:u.cursor})}>More items</a></p>`}
      `}
    <//>
  `}function zu(e,t){const n={},l=o=>o.split(",").map(r=>r.trim()).filter(Boolean);t.title!==(e.title||"")&&(n.title=t.title),t.provider!==(e.provider||"")&&(n.provider=t.provider),t.categories!==e.categories.join(", ")&&(n.categories=l(t.categories)),t.released!==String(e.released??"")&&t.released!==""&&(n.released=Number(t.released));const s={};for(const[o,r]of Object.entries(e.attributes)){const a=t[`attribute.${o}`];a===String(r??"")||a===""||(s[o]=typeof r=="number"?Number(a):a)}return Object.keys(s).length&&(n.attributes=s),n}function Uu({item:e,onChange:t}){const[n,l]=le({busy:!1,error:null,done:""}),s=async(r,a)=>{l({busy:!0,error:null,done:""});try{await $n("PATCH",tn("items",e.item_id),{body:r}),l({busy:!1,error:null,done:a}),t()}catch(u){l({busy:!1,error:u,done:""})}},o=r=>{const a=zu(e,nn(r));Object.keys(a).length?s(a,"Saved. It holds for the next list."):l({busy:!1,error:null,done:"Nothing was changed."})};return d`<section aria-label="Change the item">
    <h3>Change it</h3>
    <p>
      <button
        type="button"
        disabled=${n.busy}
        onClick=${()=>s({is_available:!e.is_available},e.is_available?"Hidden from every list.":"It can be in lists again.")}
      >
        ${e.is_available?"Hide from every list":"Show in lists again"}
      </button>
    </p>
    <form class="controls" onSubmit=${o}>
      <${$e} label="Title" name="title" value=${e.title||""} maxlength="1000" />
      <${$e} label="Categories" name="categories" value=${e.categories.join(", ")} hint="with commas" />
      <${$e} label="Provider" name="provider" value=${e.provider||""} maxlength="256" />
      <${$e} label="Year" name="released" type="number" step="any" value=${e.released??""} />
      ${Object.entries(e.attributes).map(([r,a])=>d`<${$e} label=${r} name=${`attribute.${r}`} value=${a??""} maxlength="256" />`)}
      <button class="main" disabled=${n.busy}>Save</button>
    </form>
    ${n.done&&d`<p class="notice good" role="status">${n.done}</p>`}
    ${n.error&&d`<${qt} error=${n.error} />`}
  </section>`}function Gu({id:e}){const t=He(()=>xe(tn("items",e,"counts")),[e]);return d`<${Ie} of=${t} what="counts">
    ${n=>d`
      <p>Since the end of the bundle's data: in ${Z(n.shown)} lists, ${Z(n.liked)} positive events.</p>
      <${_e}
        caption="Likes, fading with a half-life"
        rows=${Object.entries(n.trend)}
        columns=${[["half-life",([l])=>l==="all"?"never":`${l} day${l==="1"?"":"s"}`],["likes",([,l])=>Pe(l,1),"n"]]}
      />
    `}
  <//>`}function Bu({id:e,overview:t}){const[n,l]=le("behaviour"),s=ea(t.fields),o=He(()=>xe(tn("items",e,"similar"),{k:8,by:n,fields:s}),[e,n]);return d`
    <div class="row" role="group" aria-label="Similar by">
      ${["behaviour","content"].map(r=>d`<button type="button" aria-pressed=${n===r} onClick=${()=>l(r)}>${r}</button>`)}
    </div>
    <${Ie} of=${o} what="similar items">
      ${r=>d`
        ${(r.notes||[]).map(a=>d`<p class="notice warn">${a}</p>`)}
        ${r.items.length?d`<${la} items=${r.items} overview=${t} />`:d`<${De}>Nothing is similar.<//>`}
      `}
    <//>
  `}function Yu({id:e,overview:t}){const n=He(()=>xe(tn("items",e)),[e]);return d`
    <p><a href=${Rt("items")}>All items</a></p>
    <${Ie} of=${n} what="item">
      ${l=>d`
        <h2>${l.title||l.item_id} ${!l.is_available&&d`<${Le} kind="warn">hidden<//>`}</h2>
        <dl class="facts">
          <dt>id</dt><dd><code>${l.item_id}</code></dd>
          <dt>categories</dt><dd>${Ae(l.categories)}</dd>
          <dt>provider</dt><dd>${Ae(l.provider)}</dd>
          <dt>year</dt><dd>${Ae(l.released)}</dd>
          ${l.flags.length>0&&d`<dt>flags</dt><dd>${Ae(l.flags)}</dd>`}
          ${Object.entries(l.attributes).map(([s,o])=>d`<dt>${s}</dt><dd>${Ae(o)}</dd>`)}
          ${l.text&&d`<dt>text</dt><dd>${l.text}</dd>`}
          <dt>source</dt><dd>${l.source}</dd>
        </dl>
        ${t.roles.includes(zi)?d`<${Uu} key=${JSON.stringify(l)} item=${l} onChange=${n.reload} />`:d`<${De}>Changes need a key with the role ${zi}.<//>`}
        <h3>Counts</h3>
        <${Gu} id=${e} />
        <h3>Similar items</h3>
        <${Bu} id=${e} overview=${t} />
      `}
    <//>
  `}function qu({overview:e,options:t}){return t.id?d`<${Yu} key=${t.id} id=${t.id} overview=${e} />`:d`<${Wu} key=${JSON.stringify(t)} options=${t} overview=${e} />`}const Ku=!0,Ue="u-",Ju="uplot",Zu=Ue+"hz",Qu=Ue+"vt",Xu=Ue+"title",ef=Ue+"wrap",tf=Ue+"under",nf=Ue+"over",lf=Ue+"axis",En=Ue+"off",sf=Ue+"select",of=Ue+"cursor-x",rf=Ue+"cursor-y",af=Ue+"cursor-pt",cf=Ue+"legend",uf=Ue+"live",ff=Ue+"inline",df=Ue+"series",hf=Ue+"marker",Ui=Ue+"label",pf=Ue+"value",vl="width",bl="height",gl="top",Gi="bottom",Xn="left",zs="right",Ao="#000",Bi=Ao+"0",Us="mousemove",Yi="mousedown",Gs="mouseup",qi="mouseenter",Ki="mouseleave",Ji="dblclick",$f="resize",mf="scroll",Zi="change",es="dppxchange",Po="--",rl=typeof window<"u",uo=rl?document:null,tl=rl?window:null,_f=rl?navigator:null;let ae,zl;function fo(){let e=devicePixelRatio;ae!=e&&(ae=e,zl&&po(Zi,zl,fo),zl=matchMedia(`(min-resolution: ${ae-.001}dppx) and (max-resolution: ${ae+.001}dppx)`),Pn(Zi,zl,fo),tl.dispatchEvent(new CustomEvent(es)))}function $t(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function ho(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function be(e,t,n){e.style[t]=n+"px"}function Dt(e,t,n,l){let s=uo.createElement(e);return t!=null&&$t(s,t),n?.insertBefore(s,l),s}function Tt(e,t){return Dt("div",e,t)}const Qi=new WeakMap;function Ut(e,t,n,l,s){let o="translate("+t+"px,"+n+"px)",r=Qi.get(e);o!=r&&(e.style.transform=o,Qi.set(e,o),t<0||n<0||t>l||n>s?$t(e,En):ho(e,En))}const Xi=new WeakMap;function er(e,t,n){let l=t+n,s=Xi.get(e);l!=s&&(Xi.set(e,l),e.style.background=t,e.style.borderColor=n)}const tr=new WeakMap;function nr(e,t,n,l){let s=t+""+n,o=tr.get(e);s!=o&&(tr.set(e,s),e.style.height=n+"px",e.style.width=t+"px",e.style.marginLeft=l?-t/2+"px":0,e.style.marginTop=l?-n/2+"px":0)}const Do={passive:!0},gf={...Do,capture:!0};function Pn(e,t,n,l){t.addEventListener(e,n,l?gf:Do)}function po(e,t,n,l){t.removeEventListener(e,n,Do)}rl&&fo();function Lt(e,t,n,l){let s;n=n||0,l=l||t.length-1;let o=l<=2147483647;for(;l-n>1;)s=o?n+l>>1:mt((n+l)/2),t[s]<e?n=s:l=s;return e-t[n]<=t[l]-e?n:l}function aa(e){return(n,l,s)=>{let o=-1,r=-1;for(let a=l;a<=s;a++)if(e(n[a])){o=a;break}for(let a=s;a>=l;a--)if(e(n[a])){r=a;break}return[o,r]}}const ca=e=>e!=null,ua=e=>e!=null&&e>0,as=aa(ca),yf=aa(ua);function vf(e,t,n,l=0,s=!1){let o=s?yf:as,r=s?ua:ca;[t,n]=o(e,t,n);let a=e[t],u=e[t];if(t>-1)if(l==1)a=e[t],u=e[n];else if(l==-1)a=e[n],u=e[t];else for(let f=t;f<=n;f++){let p=e[f];r(p)&&(p<a?a=p:p>u&&(u=p))}return[a??he,u??-he]}function cs(e,t,n,l){let s=or(e),o=or(t);e==t&&(s==-1?(e*=n,t/=n):(e/=n,t*=n));let r=n==10?Xt:fa,a=s==1?mt:xt,u=o==1?xt:mt,f=a(r(ze(e))),p=u(r(ze(t))),_=ll(n,f),m=ll(n,p);return n==10&&(f<0&&(_=pe(_,-f)),p<0&&(m=pe(m,-p))),l||n==2?(e=_*s,t=m*o):(e=$a(e,_),t=us(t,m)),[e,t]}function Lo(e,t,n,l){let s=cs(e,t,n,l);return e==0&&(s[0]=0),t==0&&(s[1]=0),s}const No=.1,lr={mode:3,pad:No},Tl={pad:0,soft:null,mode:0},bf={min:Tl,max:Tl};function ts(e,t,n,l){return fs(n)?sr(e,t,n):(Tl.pad=n,Tl.soft=l?0:null,Tl.mode=l?3:0,sr(e,t,bf))}function ie(e,t){return e??t}function wf(e,t,n){for(t=ie(t,0),n=ie(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function sr(e,t,n){let l=n.min,s=n.max,o=ie(l.pad,0),r=ie(s.pad,0),a=ie(l.hard,-he),u=ie(s.hard,he),f=ie(l.soft,he),p=ie(s.soft,-he),_=ie(l.mode,0),m=ie(s.mode,0),y=t-e,S=Xt(y),b=it(ze(e),ze(t)),w=Xt(b),E=ze(w-S);(y<1e-24||E>10)&&(y=0,(e==0||t==0)&&(y=1e-24,_==2&&f!=he&&(o=0),m==2&&p!=-he&&(r=0)));let k=y||b||1e3,P=Xt(k),x=ll(10,mt(P)),q=k*(y==0?e==0?.1:1:o),L=pe($a(e-q,x/10),24),Y=e>=f&&(_==1||_==3&&L<=f||_==2&&L>=f)?f:he,U=it(a,L<Y&&e>=Y?Y:Ot(Y,L)),H=k*(y==0?t==0?.1:1:r),I=pe(us(t+H,x/10),24),M=t<=p&&(m==1||m==3&&I>=p||m==2&&I<=p)?p:-he,G=Ot(u,I>M&&t<=M?M:it(M,I));return U==G&&U==0&&(G=100),[U,G]}const kf=new Intl.NumberFormat(rl?_f.language:"en-US"),Oo=e=>kf.format(e),gt=Math,Jl=gt.PI,ze=gt.abs,mt=gt.floor,We=gt.round,xt=gt.ceil,Ot=gt.min,it=gt.max,ll=gt.pow,or=gt.sign,Xt=gt.log10,fa=gt.log2,Sf=(e,t=1)=>gt.sinh(e)*t,Bs=(e,t=1)=>gt.asinh(e/t),he=1/0;function ir(e){return(Xt((e^e>>31)-(e>>31))|0)+1}function $o(e,t,n){return Ot(it(e,t),n)}function da(e){return typeof e=="function"}function te(e){return da(e)?e:()=>e}const Tf=()=>{},ha=e=>e,pa=(e,t)=>t,xf=e=>null,rr=e=>!0,ar=(e,t)=>e==t,Cf=/\.\d*?(?=9{6,}|0{6,})/gm,Dn=e=>{if(_a(e)||pn.has(e))return e;const t=`${e}`,n=t.match(Cf);if(n==null)return e;let l=n[0].length-1;if(t.indexOf("e-")!=-1){let[s,o]=t.split("e");return+`${Dn(s)}e${o}`}return pe(e,l)};function xn(e,t){return Dn(pe(Dn(e/t))*t)}function us(e,t){return Dn(xt(Dn(e/t))*t)}function $a(e,t){return Dn(mt(Dn(e/t))*t)}function pe(e,t=0){if(_a(e))return e;let n=10**t,l=e*n*(1+Number.EPSILON);return We(l)/n}const pn=new Map;function ma(e){return((""+e).split(".")[1]||"").length}function El(e,t,n,l){let s=[],o=l.map(ma);for(let r=t;r<n;r++){let a=ze(r),u=pe(ll(e,r),a);for(let f=0;f<l.length;f++){let p=e==10?+`${l[f]}e${r}`:l[f]*u,_=(r>=0?0:a)+(r>=o[f]?0:o[f]),m=e==10?p:pe(p,_);s.push(m),pn.set(m,_)}}return s}const xl={},Ro=[],sl=[null,null],fn=Array.isArray,_a=Number.isInteger,Ef=e=>e===void 0;function cr(e){return typeof e=="string"}function fs(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function Mf(e){return e!=null&&typeof e=="object"}const Af=Object.getPrototypeOf(Uint8Array),ga="__proto__";function ol(e,t=fs){let n;if(fn(e)){let l=e.find(s=>s!=null);if(fn(l)||t(l)){n=Array(e.length);for(let s=0;s<e.length;s++)n[s]=ol(e[s],t)}else n=e.slice()}else if(e instanceof Af)n=e.slice();else if(t(e)){n={};for(let l in e)l!=ga&&(n[l]=ol(e[l],t))}else n=e;return n}function Oe(e){let t=arguments;for(let n=1;n<t.length;n++){let l=t[n];for(let s in l)s!=ga&&(fs(e[s])?Oe(e[s],ol(l[s])):e[s]=ol(l[s]))}return e}const Pf=0,Df=1,Lf=2;function Nf(e,t,n){for(let l=0,s,o=-1;l<t.length;l++){let r=t[l];if(r>o){for(s=r-1;s>=0&&e[s]==null;)e[s--]=null;for(s=r+1;s<n&&e[s]==null;)e[o=s++]=null}}}function Of(e,t){if(Hf(e)){let r=e[0].slice();for(let a=1;a<e.length;a++)r.push(...e[a].slice(1));return If(r[0])||(r=Ff(r)),r}let n=new Set;for(let r=0;r<e.length;r++){let u=e[r][0],f=u.length;for(let p=0;p<f;p++)n.add(u[p])}let l=[Array.from(n).sort((r,a)=>r-a)],s=l[0].length,o=new Map;for(let r=0;r<s;r++)o.set(l[0][r],r);for(let r=0;r<e.length;r++){let a=e[r],u=a[0];for(let f=1;f<a.length;f++){let p=a[f],_=Array(s).fill(void 0),m=t?t[r][f]:Df,y=[];for(let S=0;S<p.length;S++){let b=p[S],w=o.get(u[S]);b===null?m!=Pf&&(_[w]=b,m==Lf&&y.push(w)):_[w]=b}Nf(_,y,s),l.push(_)}}return l}const Rf=typeof queueMicrotask>"u"?e=>Promise.resolve().then(e):queueMicrotask;function Ff(e){let t=e[0],n=t.length,l=Array(n);for(let o=0;o<l.length;o++)l[o]=o;l.sort((o,r)=>t[o]-t[r]);let s=[];for(let o=0;o<e.length;o++){let r=e[o],a=Array(n);for(let u=0;u<n;u++)a[u]=r[l[u]];s.push(a)}return s}function Hf(e){let t=e[0][0],n=t.length;for(let l=1;l<e.length;l++){let s=e[l][0];if(s.length!=n)return!1;if(s!=t){for(let o=0;o<n;o++)if(s[o]!=t[o])return!1}}return!0}function If(e,t=100){const n=e.length;if(n<=1)return!0;let l=0,s=n-1;for(;l<=s&&e[l]==null;)l++;for(;s>=l&&e[s]==null;)s--;if(s<=l)return!0;const o=it(1,mt((s-l+1)/t));for(let r=e[l],a=l+o;a<=s;a+=o){const u=e[a];if(u!=null){if(u<=r)return!1;r=u}}return!0}const ya=["January","February","March","April","May","June","July","August","September","October","November","December"],va=["Sunday","Monday","Tuesday","Wednesday","Thursday","Friday","Saturday"];function ba(e){return e.slice(0,3)}const jf=va.map(ba),Vf=ya.map(ba),Wf={MMMM:ya,MMM:Vf,WWWW:va,WWW:jf};function yl(e){return(e<10?"0":"")+e}function zf(e){return(e<10?"00":e<100?"0":"")+e}const Uf={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+"").slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>yl(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>yl(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>yl(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?"PM":"AM",aa:e=>e.getHours()>=12?"pm":"am",a:e=>e.getHours()>=12?"p":"a",mm:e=>yl(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>yl(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>zf(e.getMilliseconds())};function Fo(e,t){t=t||Wf;let n=[],l=/\{([a-z]+)\}|[^{]+/gi,s;for(;s=l.exec(e);)n.push(s[0][0]=="{"?Uf[s[1]]:s[0]);return o=>{let r="";for(let a=0;a<n.length;a++)r+=typeof n[a]=="string"?n[a]:n[a](o,t);return r}}const Gf=new Intl.DateTimeFormat().resolvedOptions().timeZone;function Bf(e,t){let n;return t=="UTC"||t=="Etc/UTC"?n=new Date(+e+e.getTimezoneOffset()*6e4):t==Gf?n=e:(n=new Date(e.toLocaleString("en-US",{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n}const wa=e=>e%1==0,ns=[1,2,2.5,5],Yf=El(10,-32,0,ns),ka=El(10,0,32,ns),qf=ka.filter(wa),Cn=Yf.concat(ka),Ho=`
`,Sa="{YYYY}",ur=Ho+Sa,Ta="{M}/{D}",wl=Ho+Ta,Ul=wl+"/{YY}",xa="{aa}",Kf="{h}:{mm}",el=Kf+xa,fr=Ho+el,dr=":{ss}",ue=null;function Ca(e){let t=e*1e3,n=t*60,l=n*60,s=l*24,o=s*30,r=s*365,u=(e==1?El(10,0,3,ns).filter(wa):El(10,-3,0,ns)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,l,l*2,l*3,l*4,l*6,l*8,l*12,s,s*2,s*3,s*4,s*5,s*6,s*7,s*8,s*9,s*10,s*15,o,o*2,o*3,o*4,o*6,r,r*2,r*5,r*10,r*25,r*50,r*100]);const f=[[r,Sa,ue,ue,ue,ue,ue,ue,1],[s*28,"{MMM}",ur,ue,ue,ue,ue,ue,1],[s,Ta,ur,ue,ue,ue,ue,ue,1],[l,"{h}"+xa,Ul,ue,wl,ue,ue,ue,1],[n,el,Ul,ue,wl,ue,ue,ue,1],[t,dr,Ul+" "+el,ue,wl+" "+el,ue,fr,ue,1],[e,dr+".{fff}",Ul+" "+el,ue,wl+" "+el,ue,fr,ue,1]];function p(_){return(m,y,S,b,w,E)=>{let k=[],P=w>=r,x=w>=o&&w<r,q=_(S),L=pe(q*e,3),Y=Ys(q.getFullYear(),P?0:q.getMonth(),x||P?1:q.getDate()),U=pe(Y*e,3);if(x||P){let H=x?w/o:0,I=P?w/r:0,M=L==U?L:pe(Ys(Y.getFullYear()+I,Y.getMonth()+H,1)*e,3),G=new Date(We(M/e)),N=G.getFullYear(),K=G.getMonth();for(let z=0;M<=b;z++){let ne=Ys(N+I*z,K+H*z,1),W=ne-_(pe(ne*e,3));M=pe((+ne+W)*e,3),M<=b&&k.push(M)}}else{let H=w>=s?s:w,I=mt(S)-mt(L),M=U+I+us(L-U,H);k.push(M);let G=_(M),N=G.getHours()+G.getMinutes()/n+G.getSeconds()/l,K=w/l,z=m.axes[y]._space,ne=E/z;for(;M=pe(M+w,e==1?0:3),!(M>b);)if(K>1){let W=mt(pe(N+K,6))%24,se=_(M).getHours()-W;se>1&&(se=-1),M-=se*l,N=(N+K)%24;let fe=k[k.length-1];pe((M-fe)/w,3)*ne>=.7&&k.push(M)}else k.push(M)}return k}}return[u,f,p]}const[Jf,Zf,Qf]=Ca(1),[Xf,ed,td]=Ca(.001);El(2,-53,53,[1]);function hr(e,t){return e.map(n=>n.map((l,s)=>s==0||s==8||l==null?l:t(s==1||n[8]==0?l:n[1]+l)))}function pr(e,t){return(n,l,s,o,r)=>{let a=t.find(S=>r>=S[0])||t[t.length-1],u,f,p,_,m,y;return l.map(S=>{let b=e(S),w=b.getFullYear(),E=b.getMonth(),k=b.getDate(),P=b.getHours(),x=b.getMinutes(),q=b.getSeconds(),L=w!=u&&a[2]||E!=f&&a[3]||k!=p&&a[4]||P!=_&&a[5]||x!=m&&a[6]||q!=y&&a[7]||a[1];return u=w,f=E,p=k,_=P,m=x,y=q,L(b)})}}function nd(e,t){let n=Fo(t);return(l,s,o,r,a)=>s.map(u=>n(e(u)))}function Ys(e,t,n){return new Date(e,t,n)}function $r(e,t){return t(e)}const ld="{YYYY}-{MM}-{DD} {h}:{mm}{aa}";function mr(e,t){return(n,l,s,o)=>o==null?Po:t(e(l))}function sd(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function od(e,t){return e.series[t].fill(e,t)}const id={show:!0,live:!0,isolate:!1,mount:Tf,markers:{show:!0,width:2,stroke:sd,fill:od,dash:"solid"},idx:null,idxs:null,values:[]};function rd(e,t){let n=e.cursor.points,l=Tt(),s=n.size(e,t);be(l,vl,s),be(l,bl,s);let o=s/-2;be(l,"marginLeft",o),be(l,"marginTop",o);let r=n.width(e,t,s);return r&&be(l,"borderWidth",r),l}function ad(e,t){let n=e.series[t].points;return n._fill||n._stroke}function cd(e,t){let n=e.series[t].points;return n._stroke||n._fill}function ud(e,t){return e.series[t].points.size}const qs=[0,0];function fd(e,t,n){return qs[0]=t,qs[1]=n,qs}function Gl(e,t,n,l=!0){return s=>{s.button==0&&(!l||s.target==t)&&n(s)}}function Ks(e,t,n,l=!0){return s=>{(!l||s.target==t)&&n(s)}}const dd={show:!0,x:!0,y:!0,lock:!1,move:fd,points:{one:!1,show:rd,size:ud,width:0,stroke:cd,fill:ad},bind:{mousedown:Gl,mouseup:Gl,click:Gl,dblclick:Gl,mousemove:Ks,mouseleave:Ks,mouseenter:Ks},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,l,s)=>l-s,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},Ea={show:!0,stroke:"rgba(0,0,0,0.07)",width:2},Io=Oe({},Ea,{filter:pa}),Ma=Oe({},Io,{size:10}),Aa=Oe({},Ea,{show:!1}),jo='12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"',Pa="bold "+jo,Da=1.5,_r={show:!0,scale:"x",stroke:Ao,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Pa,side:2,grid:Io,ticks:Ma,border:Aa,font:jo,lineGap:Da,rotate:0},hd="Value",pd="Time",gr={show:!0,scale:"x",auto:!1,sorted:1,min:he,max:-he,idxs:[]};function $d(e,t,n,l,s){return t.map(o=>o==null?"":Oo(o))}function md(e,t,n,l,s,o,r){let a=[],u=pn.get(s)||0;n=r?n:pe(us(n,s),u);for(let f=n;f<=l;f=pe(f+s,u))a.push(Object.is(f,-0)?0:f);return a}function mo(e,t,n,l,s,o,r){const a=[],u=e.scales[e.axes[t].scale].log,f=u==10?Xt:fa,p=mt(f(n));s=ll(u,p),u==10&&(s=Cn[Lt(s,Cn)]);let _=n,m=s*u;u==10&&(m=Cn[Lt(m,Cn)]);do a.push(_),_=_+s,u==10&&!pn.has(_)&&(_=pe(_,pn.get(s))),_>=m&&(s=_,m=s*u,u==10&&(m=Cn[Lt(m,Cn)]));while(_<=l);return a}function _d(e,t,n,l,s,o,r){let u=e.scales[e.axes[t].scale].asinh,f=l>u?mo(e,t,it(u,n),l,s):[u],p=l>=0&&n<=0?[0]:[];return(n<-u?mo(e,t,it(u,-l),-n,s):[u]).reverse().map(m=>-m).concat(p,f)}const La=/./,gd=/[12357]/,yd=/[125]/,yr=/1/,_o=(e,t,n,l)=>e.map((s,o)=>t==4&&s==0||o%l==0&&n.test(s.toExponential()[s<0?1:0])?s:null);function vd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=e.scales[r],u=e.valToPos,f=o._space,p=u(10,r),_=u(9,r)-p>=f?La:u(7,r)-p>=f?gd:u(5,r)-p>=f?yd:yr;if(_==yr){let m=ze(u(1,r)-p);if(m<f)return _o(t.slice().reverse(),a.distr,_,xt(f/m)).reverse()}return _o(t,a.distr,_,1)}function bd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=o._space,u=e.valToPos,f=ze(u(1,r)-u(2,r));return f<a?_o(t.slice().reverse(),3,La,xt(a/f)).reverse():t}function wd(e,t,n,l){return l==null?Po:t==null?"":Oo(t)}const vr={show:!0,scale:"y",stroke:Ao,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Pa,side:3,grid:Io,ticks:Ma,border:Aa,font:jo,lineGap:Da,rotate:0};function kd(e,t){let n=3+(e||1)*2;return pe(n*t,3)}function Sd(e,t){let{scale:n,idxs:l}=e.series[0],s=e._data[0],o=e.valToPos(s[l[0]],n,!0),r=e.valToPos(s[l[1]],n,!0),a=ze(r-o),u=e.series[t],f=a/(u.points.space*ae);return l[1]-l[0]<=f}const br={scale:null,auto:!0,sorted:0,min:he,max:-he},Na=(e,t,n,l,s)=>s,wr={show:!0,auto:!0,sorted:0,gaps:Na,alpha:1,facets:[Oe({},br,{scale:"x"}),Oe({},br,{scale:"y"})]},kr={scale:"y",auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:Na,alpha:1,points:{show:Sd,filter:null},values:null,min:he,max:-he,idxs:[],path:null,clip:null};function Td(e,t,n,l,s){return n/10}const Oa={time:Ku,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},xd=Oe({},Oa,{time:!1,ori:1}),Sr={};function Ra(e,t){let n=Sr[e];return n||(n={key:e,plots:[],sub(l){n.plots.push(l)},unsub(l){n.plots=n.plots.filter(s=>s!=l)},pub(l,s,o,r,a,u,f){for(let p=0;p<n.plots.length;p++)n.plots[p]!=s&&n.plots[p].pub(l,s,o,r,a,u,f)}},e!=null&&(Sr[e]=n)),n}const il=1,go=2;function Ln(e,t,n){const l=e.mode,s=e.series[t],o=l==2?e._data[t]:e._data,r=e.scales,a=e.bbox;let u=o[0],f=l==2?o[1]:o[t],p=l==2?r[s.facets[0].scale]:r[e.series[0].scale],_=l==2?r[s.facets[1].scale]:r[s.scale],m=a.left,y=a.top,S=a.width,b=a.height,w=e.valToPosH,E=e.valToPosV;return p.ori==0?n(s,u,f,p,_,w,E,m,y,S,b,hs,al,$s,Ha,ja):n(s,u,f,p,_,E,w,y,m,b,S,ps,cl,zo,Ia,Va)}function Vo(e,t){let n=0,l=0,s=ie(e.bands,Ro);for(let o=0;o<s.length;o++){let r=s[o];r.series[0]==t?n=r.dir:r.series[1]==t&&(r.dir==1?l|=1:l|=2)}return[n,l==1?-1:l==2?1:l==3?2:0]}function Cd(e,t,n,l,s){let o=e.mode,r=e.series[t],a=o==2?r.facets[1].scale:r.scale,u=e.scales[a];return s==-1?u.min:s==1?u.max:u.distr==3?u.dir==1?u.min:u.max:0}function en(e,t,n,l,s,o){return Ln(e,t,(r,a,u,f,p,_,m,y,S,b,w)=>{let E=r.pxRound;const k=f.dir*(f.ori==0?1:-1),P=f.ori==0?al:cl;let x,q;k==1?(x=n,q=l):(x=l,q=n);let L=E(_(a[x],f,b,y)),Y=E(m(u[x],p,w,S)),U=E(_(a[q],f,b,y)),H=E(m(o==1?p.max:p.min,p,w,S)),I=new Path2D(s);return P(I,U,H),P(I,L,H),P(I,L,Y),I})}function ds(e,t,n,l,s,o){let r=null;if(e.length>0){r=new Path2D;const a=t==0?$s:zo;let u=n;for(let _=0;_<e.length;_++){let m=e[_];if(m[1]>m[0]){let y=m[0]-u;y>0&&a(r,u,l,y,l+o),u=m[1]}}let f=n+s-u,p=10;f>0&&a(r,u,l-p/2,f,l+o+p)}return r}function Ed(e,t,n){let l=e[e.length-1];l&&l[0]==t?l[1]=n:e.push([t,n])}function Wo(e,t,n,l,s,o,r){let a=[],u=e.length;for(let f=s==1?n:l;f>=n&&f<=l;f+=s)if(t[f]===null){let _=f,m=f;if(s==1)for(;++f<=l&&t[f]===null;)m=f;else for(;--f>=n&&t[f]===null;)m=f;let y=o(e[_]),S=m==_?y:o(e[m]),b=_-s;y=r<=0&&b>=0&&b<u?o(e[b]):y;let E=m+s;S=r>=0&&E>=0&&E<u?o(e[E]):S,S>=y&&a.push([y,S])}return a}function Tr(e){return e==0?ha:e==1?We:t=>xn(t,e)}function Fa(e){let t=e==0?hs:ps,n=e==0?(s,o,r,a,u,f)=>{s.arcTo(o,r,a,u,f)}:(s,o,r,a,u,f)=>{s.arcTo(r,o,u,a,f)},l=e==0?(s,o,r,a,u)=>{s.rect(o,r,a,u)}:(s,o,r,a,u)=>{s.rect(r,o,u,a)};return(s,o,r,a,u,f=0,p=0)=>{f==0&&p==0?l(s,o,r,a,u):(f=Ot(f,a/2,u/2),p=Ot(p,a/2,u/2),t(s,o+f,r),n(s,o+a,r,o+a,r+u,f),n(s,o+a,r+u,o,r+u,p),n(s,o,r+u,o,r,p),n(s,o,r,o+a,r,f),s.closePath())}}const hs=(e,t,n)=>{e.moveTo(t,n)},ps=(e,t,n)=>{e.moveTo(n,t)},al=(e,t,n)=>{e.lineTo(t,n)},cl=(e,t,n)=>{e.lineTo(n,t)},$s=Fa(0),zo=Fa(1),Ha=(e,t,n,l,s,o)=>{e.arc(t,n,l,s,o)},Ia=(e,t,n,l,s,o)=>{e.arc(n,t,l,s,o)},ja=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(t,n,l,s,o,r)},Va=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(n,t,s,l,r,o)};function Wa(e){return(t,n,l,s,o)=>Ln(t,n,(r,a,u,f,p,_,m,y,S,b,w)=>{let{pxRound:E,points:k}=r,P,x;f.ori==0?(P=hs,x=Ha):(P=ps,x=Ia);const q=pe(k.width*ae,3);let L=(k.size-k.width)/2*ae,Y=pe(L*2,3),U=new Path2D,H=new Path2D,{left:I,top:M,width:G,height:N}=t.bbox;$s(H,I-Y,M-Y,G+Y*2,N+Y*2);const K=z=>{if(u[z]!=null){let ne=E(_(a[z],f,b,y)),W=E(m(u[z],p,w,S));P(U,ne+L,W),x(U,ne,W,L,0,Jl*2)}};if(o)o.forEach(K);else for(let z=l;z<=s;z++)K(z);return{stroke:q>0?U:null,fill:U,clip:H,flags:il|go}})}function za(e){return(t,n,l,s,o,r)=>{l!=s&&(o!=l&&r!=l&&e(t,n,l),o!=s&&r!=s&&e(t,n,s),e(t,n,r))}}const Md=za(al),Ad=za(cl);function Ua(e){const t=ie(e?.alignGaps,0);return(n,l,s,o)=>Ln(n,l,(r,a,u,f,p,_,m,y,S,b,w)=>{[s,o]=as(u,s,o);let E=r.pxRound,k=N=>E(_(N,f,b,y)),P=N=>E(m(N,p,w,S)),x,q;f.ori==0?(x=al,q=Md):(x=cl,q=Ad);const L=f.dir*(f.ori==0?1:-1),Y={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},U=Y.stroke;let H=!1;if(o-s>=b*4){let N=j=>n.posToVal(j,f.key,!0),K=null,z=null,ne,W,rt,ke=k(a[L==1?s:o]),se=k(a[s]),fe=k(a[o]),X=N(L==1?se+1:fe-1);for(let j=L==1?s:o;j>=s&&j<=o;j+=L){let je=a[j],Se=(L==1?je<X:je>X)?ke:k(je),ce=u[j];Se==ke?ce!=null?(W=ce,K==null?(x(U,Se,P(W)),ne=K=z=W):W<K?K=W:W>z&&(z=W)):ce===null&&(H=!0):(K!=null&&q(U,ke,P(K),P(z),P(ne),P(W)),ce!=null?(W=ce,x(U,Se,P(W)),K=z=ne=W):(K=z=null,ce===null&&(H=!0)),ke=Se,X=N(ke+L))}K!=null&&K!=z&&rt!=ke&&q(U,ke,P(K),P(z),P(ne),P(W))}else for(let N=L==1?s:o;N>=s&&N<=o;N+=L){let K=u[N];K===null?H=!0:K!=null&&x(U,k(a[N]),P(K))}let[M,G]=Vo(n,l);if(r.fill!=null||M!=0){let N=Y.fill=new Path2D(U),K=r.fillTo(n,l,r.min,r.max,M),z=P(K),ne=k(a[s]),W=k(a[o]);L==-1&&([W,ne]=[ne,W]),x(N,W,z),x(N,ne,z)}if(!r.spanGaps){let N=[];H&&N.push(...Wo(a,u,s,o,L,k,t)),Y.gaps=N=r.gaps(n,l,s,o,N),Y.clip=ds(N,f.ori,y,S,b,w)}return G!=0&&(Y.band=G==2?[en(n,l,s,o,U,-1),en(n,l,s,o,U,1)]:en(n,l,s,o,U,G)),Y})}function Pd(e){const t=ie(e.align,1),n=ie(e.ascDesc,!1),l=ie(e.alignGaps,0),s=ie(e.extend,!1);return(o,r,a,u)=>Ln(o,r,(f,p,_,m,y,S,b,w,E,k,P)=>{[a,u]=as(_,a,u);let x=f.pxRound,{left:q,width:L}=o.bbox,Y=se=>x(S(se,m,k,w)),U=se=>x(b(se,y,P,E)),H=m.ori==0?al:cl;const I={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},M=I.stroke,G=m.dir*(m.ori==0?1:-1);let N=U(_[G==1?a:u]),K=Y(p[G==1?a:u]),z=K,ne=K;s&&t==-1&&(ne=q,H(M,ne,N)),H(M,K,N);for(let se=G==1?a:u;se>=a&&se<=u;se+=G){let fe=_[se];if(fe==null)continue;let X=Y(p[se]),j=U(fe);t==1?H(M,X,N):H(M,z,j),H(M,X,j),N=j,z=X}let W=z;s&&t==1&&(W=q+L,H(M,W,N));let[rt,ke]=Vo(o,r);if(f.fill!=null||rt!=0){let se=I.fill=new Path2D(M),fe=f.fillTo(o,r,f.min,f.max,rt),X=U(fe);H(se,W,X),H(se,ne,X)}if(!f.spanGaps){let se=[];se.push(...Wo(p,_,a,u,G,Y,l));let fe=f.width*ae/2,X=n||t==1?fe:-fe,j=n||t==-1?-fe:fe;se.forEach(je=>{je[0]+=X,je[1]+=j}),I.gaps=se=f.gaps(o,r,a,u,se),I.clip=ds(se,m.ori,w,E,k,P)}return ke!=0&&(I.band=ke==2?[en(o,r,a,u,M,-1),en(o,r,a,u,M,1)]:en(o,r,a,u,M,ke)),I})}function xr(e,t,n,l,s,o,r=he){if(e.length>1){let a=null;for(let u=0,f=1/0;u<e.length;u++)if(t[u]!==void 0){if(a!=null){let p=ze(e[u]-e[a]);p<f&&(f=p,r=ze(n(e[u],l,s,o)-n(e[a],l,s,o)))}a=u}}return r}function Dd(e){e=e||xl;const t=ie(e.size,[.6,he,1]),n=e.align||0,l=e.gap||0;let s=e.radius;s=s==null?[0,0]:typeof s=="number"?[s,0]:s;const o=te(s),r=1-t[0],a=ie(t[1],he),u=ie(t[2],1),f=ie(e.disp,xl),p=ie(e.each,y=>{}),{fill:_,stroke:m}=f;return(y,S,b,w)=>Ln(y,S,(E,k,P,x,q,L,Y,U,H,I,M)=>{let G=E.pxRound,N=n,K=l*ae,z=a*ae,ne=u*ae,W,rt;x.ori==0?[W,rt]=o(y,S):[rt,W]=o(y,S);const ke=x.dir*(x.ori==0?1:-1);let se=x.ori==0?$s:zo,fe=x.ori==0?p:(R,me,Ve,Fn,gn,Ht,yn)=>{p(R,me,Ve,gn,Fn,yn,Ht)},X=ie(y.bands,Ro).find(R=>R.series[0]==S),j=X!=null?X.dir:0,je=E.fillTo(y,S,E.min,E.max,j),tt=G(Y(je,q,M,H)),Se,ce,Ct,ut=I,Ce=G(E.width*ae),Ft=!1,Kt=null,yt=null,ln=null,Nn=null;_!=null&&(Ce==0||m!=null)&&(Ft=!0,Kt=_.values(y,S,b,w),yt=new Map,new Set(Kt).forEach(R=>{R!=null&&yt.set(R,new Path2D)}),Ce>0&&(ln=m.values(y,S,b,w),Nn=new Map,new Set(ln).forEach(R=>{R!=null&&Nn.set(R,new Path2D)})));let{x0:On,size:ul}=f;if(On!=null&&ul!=null){N=1,k=On.values(y,S,b,w),On.unit==2&&(k=k.map(Ve=>y.posToVal(U+Ve*I,x.key,!0)));let R=ul.values(y,S,b,w);ul.unit==2?ce=R[0]*I:ce=L(R[0],x,I,U)-L(0,x,I,U),ut=xr(k,P,L,x,I,U,ut),Ct=ut-ce+K}else ut=xr(k,P,L,x,I,U,ut),Ct=ut*r+K,ce=ut-Ct;Ct<1&&(Ct=0),Ce>=ce/2&&(Ce=0),Ct<5&&(G=ha);let Al=Ct>0,mn=ut-Ct-(Al?Ce:0);ce=G($o(mn,ne,z)),Se=(N==0?ce/2:N==ke?0:ce)-N*ke*((N==0?K/2:0)+(Al?Ce/2:0));const nt={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},Rn=Ft?null:new Path2D;let Jt=null;if(X!=null)Jt=y.data[X.series[1]];else{let{y0:R,y1:me}=f;R!=null&&me!=null&&(P=me.values(y,S,b,w),Jt=R.values(y,S,b,w))}let _n=W*ce,Q=rt*ce;for(let R=ke==1?b:w;R>=b&&R<=w;R+=ke){let me=P[R];if(me==null)continue;if(Jt!=null){let at=Jt[R]??0;if(me-at==0)continue;tt=Y(at,q,M,H)}let Ve=x.distr!=2||f!=null?k[R]:R,Fn=L(Ve,x,I,U),gn=Y(ie(me,je),q,M,H),Ht=G(Fn-Se),yn=G(it(gn,tt)),ft=G(Ot(gn,tt)),vt=yn-ft;if(me!=null){let at=me<0?Q:_n,Et=me<0?_n:Q;Ft?(Ce>0&&ln[R]!=null&&se(Nn.get(ln[R]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),Kt[R]!=null&&se(yt.get(Kt[R]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et)):se(Rn,Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),fe(y,S,R,Ht-Ce/2,ft,ce+Ce,vt)}}return Ce>0?nt.stroke=Ft?Nn:Rn:Ft||(nt._fill=E.width==0?E._fill:E._stroke??E._fill,nt.width=0),nt.fill=Ft?yt:Rn,nt})}function Ld(e,t){const n=ie(t?.alignGaps,0);return(l,s,o,r)=>Ln(l,s,(a,u,f,p,_,m,y,S,b,w,E)=>{[o,r]=as(f,o,r);let k=a.pxRound,P=W=>k(m(W,p,w,S)),x=W=>k(y(W,_,E,b)),q,L,Y;p.ori==0?(q=hs,Y=al,L=ja):(q=ps,Y=cl,L=Va);const U=p.dir*(p.ori==0?1:-1);let H=P(u[U==1?o:r]),I=H,M=[],G=[];for(let W=U==1?o:r;W>=o&&W<=r;W+=U)if(f[W]!=null){let ke=u[W],se=P(ke);M.push(I=se),G.push(x(f[W]))}const N={stroke:e(M,G,q,Y,L,k),fill:null,clip:null,band:null,gaps:null,flags:il},K=N.stroke;let[z,ne]=Vo(l,s);if(a.fill!=null||z!=0){let W=N.fill=new Path2D(K),rt=a.fillTo(l,s,a.min,a.max,z),ke=x(rt);Y(W,I,ke),Y(W,H,ke)}if(!a.spanGaps){let W=[];W.push(...Wo(u,f,o,r,U,P,n)),N.gaps=W=a.gaps(l,s,o,r,W),N.clip=ds(W,p.ori,S,b,w,E)}return ne!=0&&(N.band=ne==2?[en(l,s,o,r,K,-1),en(l,s,o,r,K,1)]:en(l,s,o,r,K,ne)),N})}function Nd(e){return Ld(Od,e)}function Od(e,t,n,l,s,o){const r=e.length;if(r<2)return null;const a=new Path2D;if(n(a,e[0],t[0]),r==2)l(a,e[1],t[1]);else{let u=Array(r),f=Array(r-1),p=Array(r-1),_=Array(r-1);for(let m=0;m<r-1;m++)p[m]=t[m+1]-t[m],_[m]=e[m+1]-e[m],f[m]=p[m]/_[m];u[0]=f[0];for(let m=1;m<r-1;m++)f[m]===0||f[m-1]===0||f[m-1]>0!=f[m]>0?u[m]=0:(u[m]=3*(_[m-1]+_[m])/((2*_[m]+_[m-1])/f[m-1]+(_[m]+2*_[m-1])/f[m]),isFinite(u[m])||(u[m]=0));u[r-1]=f[r-2];for(let m=0;m<r-1;m++)s(a,e[m]+_[m]/3,t[m]+u[m]*_[m]/3,e[m+1]-_[m]/3,t[m+1]-u[m+1]*_[m]/3,e[m+1],t[m+1])}return a}const yo=new Set;function Cr(){for(let e of yo)e.syncRect(!0)}rl&&(Pn($f,tl,Cr),Pn(mf,tl,Cr,!0),Pn(es,tl,()=>{et.pxRatio=ae}));const Rd=Ua(),Fd=Wa();function Er(e,t,n,l){return(l?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((o,r)=>vo(o,r,t,n))}function Hd(e,t){return e.map((n,l)=>l==0?{}:Oe({},t,n))}function vo(e,t,n,l){return Oe({},t==0?n:l,e)}function Ga(e,t,n){return t==null?sl:[t,n]}const Id=Ga;function jd(e,t,n){return t==null?sl:ts(t,n,No,!0)}function Ba(e,t,n,l){return t==null?sl:cs(t,n,e.scales[l].log,!1)}const Vd=Ba;function Ya(e,t,n,l){return t==null?sl:Lo(t,n,e.scales[l].log,!1)}const Wd=Ya;function zd(e,t,n,l,s){let o=it(ir(e),ir(t)),r=t-e,a=Lt(s/l*r,n);do{let u=n[a],f=l*u/r;if(f>=s&&o+(u<5?pn.get(u):0)<=17)return[u,f]}while(++a<n.length);return[0,0]}function Mr(e){let t,n;return e=e.replace(/(\d+)px/,(l,s)=>(t=We((n=+s)*ae))+"px"),[e,t,n]}function Ud(e){e.show&&[e.font,e.labelFont].forEach(t=>{let n=pe(t[2]*ae,1);t[0]=t[0].replace(/[0-9.]+px/,n+"px"),t[1]=n})}function et(e,t,n){const l={mode:ie(e.mode,1)},s=l.mode;function o(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?1-g:g)}function r(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?g:1-g)}function a(i,c,h,$){return c.ori==0?o(i,c,h,$):r(i,c,h,$)}l.valToPosH=o,l.valToPosV=r;let u=!1;l.status=0;const f=l.root=Tt(Ju);if(e.id!=null&&(f.id=e.id),$t(f,e.class),e.title){let i=Tt(Xu,f);i.textContent=e.title}const p=Dt("canvas"),_=l.ctx=p.getContext("2d"),m=Tt(ef,f);Pn("click",m,i=>{i.target===S&&(ge!=qn||Te!=Kn)&&Qe.click(l,i)},!0);const y=l.under=Tt(tf,m);m.appendChild(p);const S=l.over=Tt(nf,m);e=ol(e);const b=+ie(e.pxAlign,1),w=Tr(b);(e.plugins||[]).forEach(i=>{i.opts&&(e=i.opts(l,e)||e)});const E=e.ms||.001,k=l.series=s==1?Er(e.series||[],gr,kr,!1):Hd(e.series||[null],wr),P=l.axes=Er(e.axes||[],_r,vr,!0),x=l.scales={},q=l.bands=e.bands||[];q.forEach(i=>{i.fill=te(i.fill||null),i.dir=ie(i.dir,-1)});const L=s==2?k[1].facets[0].scale:k[0].scale,Y={axes:mc,series:fc},U=(e.drawOrder||["axes","series"]).map(i=>Y[i]);function H(i){const c=i.distr==3?h=>Xt(h>0?h:i.clamp(l,h,i.min,i.max,i.key)):i.distr==4?h=>Bs(h,i.asinh):i.distr==100?h=>i.fwd(h):h=>h;return h=>{let $=c(h),{_min:g,_max:v}=i,T=v-g;return($-g)/T}}function I(i){let c=x[i];if(c==null){let h=(e.scales||xl)[i]||xl;if(h.from!=null){I(h.from);let $=Oe({},x[h.from],h,{key:i});$.valToPct=H($),x[i]=$}else{c=x[i]=Oe({},i==L?Oa:xd,h),c.key=i;let $=c.time,g=c.range,v=fn(g);if((i!=L||s==2&&!$)&&(v&&(g[0]==null||g[1]==null)&&(g={min:g[0]==null?lr:{mode:1,hard:g[0],soft:g[0]},max:g[1]==null?lr:{mode:1,hard:g[1],soft:g[1]}},v=!1),!v&&fs(g))){let T=g;g=(C,A,D)=>A==null?sl:ts(A,D,T)}c.range=te(g||($?Id:i==L?c.distr==3?Vd:c.distr==4?Wd:Ga:c.distr==3?Ba:c.distr==4?Ya:jd)),c.auto=te(v?!1:c.auto),c.clamp=te(c.clamp||Td),c._min=c._max=null,c.valToPct=H(c)}}}I("x"),I("y"),s==1&&k.forEach(i=>{I(i.scale)}),P.forEach(i=>{I(i.scale)});for(let i in e.scales)I(i);const M=x[L],G=M.distr;let N,K;M.ori==0?($t(f,Zu),N=o,K=r):($t(f,Qu),N=r,K=o);const z={};for(let i in x){let c=x[i];(c.min!=null||c.max!=null)&&(z[i]={min:c.min,max:c.max},c.min=c.max=null)}const ne=e.tzDate||(i=>new Date(We(i/E))),W=e.fmtDate||Fo,rt=E==1?Qf(ne):td(ne),ke=pr(ne,hr(E==1?Zf:ed,W)),se=mr(ne,$r(ld,W)),fe=[],X=l.legend=Oe({},id,e.legend),j=l.cursor=Oe({},dd,{drag:{y:s==2}},e.cursor),je=X.show,tt=j.show,Se=X.markers;X.idxs=fe,Se.width=te(Se.width),Se.dash=te(Se.dash),Se.stroke=te(Se.stroke),Se.fill=te(Se.fill);let ce,Ct,ut,Ce=[],Ft=[],Kt,yt=!1,ln={};if(X.live){const i=k[1]?k[1].values:null;yt=i!=null,Kt=yt?i(l,1,0):{_:0};for(let c in Kt)ln[c]=Po}if(je)if(ce=Dt("table",cf,f),ut=Dt("tbody",null,ce),X.mount(l,ce),yt){Ct=Dt("thead",null,ce,ut);let i=Dt("tr",null,Ct);Dt("th",null,i);for(var Nn in Kt)Dt("th",Ui,i).textContent=Nn}else $t(ce,ff),X.live&&$t(ce,uf);const On={show:!0},ul={show:!1};function Al(i,c){if(c==0&&(yt||!X.live||s==2))return sl;let h=[],$=Dt("tr",df,ut,ut.childNodes[c]);$t($,i.class),i.show||$t($,En);let g=Dt("th",null,$);if(Se.show){let C=Tt(hf,g);if(c>0){let A=Se.width(l,c);A&&(C.style.border=A+"px "+Se.dash(l,c)+" "+Se.stroke(l,c)),C.style.background=Se.fill(l,c)}}let v=Tt(Ui,g);i.label instanceof HTMLElement?v.appendChild(i.label):v.textContent=i.label,c>0&&(Se.show||(v.style.color=i.width>0?Se.stroke(l,c):Se.fill(l,c)),nt("click",g,C=>{if(j._lock)return;bn(C);let A=k.indexOf(i);if((C.ctrlKey||C.metaKey)!=X.isolate){let D=k.some((O,F)=>F>0&&F!=A&&O.show);k.forEach((O,F)=>{F>0&&jt(F,D?F==A?On:ul:On,!0,Ne.setSeries)})}else jt(A,{show:!i.show},!0,Ne.setSeries)},!1),In&&nt(qi,g,C=>{j._lock||(bn(C),jt(k.indexOf(i),Zn,!0,Ne.setSeries))},!1));for(var T in Kt){let C=Dt("td",pf,$);C.textContent="--",h.push(C)}return[$,h]}const mn=new Map;function nt(i,c,h,$=!0){const g=mn.get(c)||{},v=j.bind[i](l,c,h,$);v&&(Pn(i,c,g[i]=v),mn.set(c,g))}function Rn(i,c,h){const $=mn.get(c)||{};for(let g in $)(i==null||g==i)&&(po(g,c,$[g]),delete $[g]);i==null&&mn.delete(c)}let Jt=0,_n=0,Q=0,R=0,me=0,Ve=0,Fn=me,gn=Ve,Ht=Q,yn=R,ft=0,vt=0,at=0,Et=0;l.bbox={};let _s=!1,Pl=!1,Hn=!1,vn=!1,Dl=!1,bt=!1;function gs(i,c,h){(h||i!=l.width||c!=l.height)&&Go(i,c),Un(!1),Hn=!0,Pl=!0,Gn()}function Go(i,c){l.width=Jt=Q=i,l.height=_n=R=c,me=Ve=0,sc(),oc();let h=l.bbox;ft=h.left=xn(me*ae,.5),vt=h.top=xn(Ve*ae,.5),at=h.width=xn(Q*ae,.5),Et=h.height=xn(R*ae,.5)}const tc=3;function nc(){let i=!1,c=0;for(;!i;){c++;let h=pc(c),$=$c(c);i=c==tc||h&&$,i||(Go(l.width,l.height),Pl=!0)}}function lc({width:i,height:c}){gs(i,c)}l.setSize=lc;function sc(){let i=!1,c=!1,h=!1,$=!1;P.forEach((g,v)=>{if(g.show&&g._show){let{side:T,_size:C}=g,A=T%2,D=g.label!=null?g.labelSize:0,O=C+D;O>0&&(A?(Q-=O,T==3?(me+=O,$=!0):h=!0):(R-=O,T==0?(Ve+=O,i=!0):c=!0))}}),wn[0]=i,wn[1]=h,wn[2]=c,wn[3]=$,Q-=sn[1]+sn[3],me+=sn[3],R-=sn[2]+sn[0],Ve+=sn[0]}function oc(){let i=me+Q,c=Ve+R,h=me,$=Ve;function g(v,T){switch(v){case 1:return i+=T,i-T;case 2:return c+=T,c-T;case 3:return h-=T,h+T;case 0:return $-=T,$+T}}P.forEach((v,T)=>{if(v.show&&v._show){let C=v.side;v._pos=g(C,v._size),v.label!=null&&(v._lpos=g(C,v.labelSize))}})}if(j.dataIdx==null){let i=j.hover,c=i.skip=new Set(i.skip??[]);c.add(void 0);let h=i.prox=te(i.prox),$=i.bias??=0;j.dataIdx=(g,v,T,C)=>{if(v==0)return T;let A=T,D=h(g,v,T,C)??he,O=D>=0&&D<he,F=M.ori==0?Q:R,J=j.left,re=t[0],oe=t[v];if(c.has(oe[T])){A=null;let ee=null,B=null,V;if($==0||$==-1)for(V=T;ee==null&&V-- >0;)c.has(oe[V])||(ee=V);if($==0||$==1)for(V=T;B==null&&V++<oe.length;)c.has(oe[V])||(B=V);if(ee!=null||B!=null)if(O){let ve=ee==null?-1/0:N(re[ee],M,F,0),Ee=B==null?1/0:N(re[B],M,F,0),Je=J-ve,de=Ee-J;Je<=de?Je<=D&&(A=ee):de<=D&&(A=B)}else A=B==null?ee:ee==null?B:T-ee<=B-T?ee:B}else O&&ze(J-N(re[T],M,F,0))>D&&(A=null);return A}}const bn=i=>{j.event=i};j.idxs=fe,j._lock=!1;let Xe=j.points;Xe.show=te(Xe.show),Xe.size=te(Xe.size),Xe.stroke=te(Xe.stroke),Xe.width=te(Xe.width),Xe.fill=te(Xe.fill);const It=l.focus=Oe({},e.focus||{alpha:.3},j.focus),In=It.prox>=0,jn=In&&Xe.one;let wt=[],Vn=[],Wn=[];function Bo(i,c){let h=Xe.show(l,c);if(h instanceof HTMLElement)return $t(h,af),$t(h,i.class),Ut(h,-10,-10,Q,R),S.insertBefore(h,wt[c]),h}function Yo(i,c){if(s==1||c>0){let h=s==1&&x[i.scale].time,$=i.value;i.value=h?cr($)?mr(ne,$r($,W)):$||se:$||wd,i.label=i.label||(h?pd:hd)}if(jn||c>0){i.width=i.width==null?1:i.width,i.paths=i.paths||Rd||xf,i.fillTo=te(i.fillTo||Cd),i.pxAlign=+ie(i.pxAlign,b),i.pxRound=Tr(i.pxAlign),i.stroke=te(i.stroke||null),i.fill=te(i.fill||null),i._stroke=i._fill=i._paths=i._focus=null;let h=kd(it(1,i.width),1),$=i.points=Oe({},{size:h,width:it(1,h*.2),stroke:i.stroke,space:h*2,paths:Fd,_stroke:null,_fill:null},i.points);$.show=te($.show),$.filter=te($.filter),$.fill=te($.fill),$.stroke=te($.stroke),$.paths=te($.paths),$.pxAlign=i.pxAlign}if(je){let h=Al(i,c);Ce.splice(c,0,h[0]),Ft.splice(c,0,h[1]),X.values.push(null)}if(tt){fe.splice(c,0,null);let h=null;jn?c==0&&(h=Bo(i,c)):c>0&&(h=Bo(i,c)),wt.splice(c,0,h),Vn.splice(c,0,0),Wn.splice(c,0,0)}Ke("addSeries",c)}function ic(i,c){c=c??k.length,i=s==1?vo(i,c,gr,kr):vo(i,c,{},wr),k.splice(c,0,i),Yo(k[c],c)}l.addSeries=ic;function rc(i){if(k.splice(i,1),je){X.values.splice(i,1),Ft.splice(i,1);let c=Ce.splice(i,1)[0];Rn(null,c.firstChild),c.remove()}tt&&(fe.splice(i,1),wt.splice(i,1)[0].remove(),Vn.splice(i,1),Wn.splice(i,1)),Ke("delSeries",i)}l.delSeries=rc;const wn=[!1,!1,!1,!1];function ac(i,c){if(i._show=i.show,i.show){let h=i.side%2,$=x[i.scale];$==null&&(i.scale=h?k[1].scale:L,$=x[i.scale]);let g=$.time;i.size=te(i.size),i.space=te(i.space),i.rotate=te(i.rotate),fn(i.incrs)&&i.incrs.forEach(T=>{!pn.has(T)&&pn.set(T,ma(T))}),i.incrs=te(i.incrs||($.distr==2?qf:g?E==1?Jf:Xf:Cn)),i.splits=te(i.splits||(g&&$.distr==1?rt:$.distr==3?mo:$.distr==4?_d:md)),i.stroke=te(i.stroke),i.grid.stroke=te(i.grid.stroke),i.ticks.stroke=te(i.ticks.stroke),i.border.stroke=te(i.border.stroke);let v=i.values;i.values=fn(v)&&!fn(v[0])?te(v):g?fn(v)?pr(ne,hr(v,W)):cr(v)?nd(ne,v):v||ke:v||$d,i.filter=te(i.filter||($.distr>=3&&$.log==10?vd:$.distr==3&&$.log==2?bd:pa)),i.font=Mr(i.font),i.labelFont=Mr(i.labelFont),i._size=i.size(l,null,c,0),i._space=i._rotate=i._incrs=i._found=i._splits=i._values=null,i._size>0&&(wn[c]=!0,i._el=Tt(lf,m))}}function fl(i,c,h,$){let[g,v,T,C]=h,A=c%2,D=0;return A==0&&(C||v)&&(D=c==0&&!g||c==2&&!T?We(_r.size/3):0),A==1&&(g||T)&&(D=c==1&&!v||c==3&&!C?We(vr.size/2):0),D}const qo=l.padding=(e.padding||[fl,fl,fl,fl]).map(i=>te(ie(i,fl))),sn=l._padding=qo.map((i,c)=>i(l,c,wn,0));let Ze,Ge=null,Be=null;const Ll=s==1?k[0].idxs:null;let Mt=null,dl=!1;function Ko(i,c){if(t=i??[],l.data=l._data=t,s==2){Ze=0;for(let h=1;h<k.length;h++)Ze+=t[h][0].length}else{t.length==0&&(l.data=l._data=t=[[]]),Mt=t[0],Ze=Mt.length;let h=t;if(G==2){h=t.slice();let $=h[0]=Array(Ze);for(let g=0;g<Ze;g++)$[g]=g}l._data=t=h}if(Un(!0),Ke("setData"),G==2&&(Hn=!0),c!==!1){let h=M;h.auto(l,dl)?ys():rn(L,h.min,h.max),vn=vn||j.left>=0,bt=!0,Gn()}}l.setData=Ko;function ys(){dl=!0;let i,c;s==1&&(Ze>0?(Ge=Ll[0]=0,Be=Ll[1]=Ze-1,i=t[0][Ge],c=t[0][Be],G==2?(i=Ge,c=Be):i==c&&(G==3?[i,c]=cs(i,i,M.log,!1):G==4?[i,c]=Lo(i,i,M.log,!1):M.time?c=i+We(86400/E):[i,c]=ts(i,c,No,!0))):(Ge=Ll[0]=i=null,Be=Ll[1]=c=null)),rn(L,i,c)}let Nl,zn,vs,bs,ws,ks,Ss,Ts,xs,ct;function Jo(i,c,h,$,g,v){i??=Bi,h??=Ro,$??="butt",g??=Bi,v??="round",i!=Nl&&(_.strokeStyle=Nl=i),g!=zn&&(_.fillStyle=zn=g),c!=vs&&(_.lineWidth=vs=c),v!=ws&&(_.lineJoin=ws=v),$!=ks&&(_.lineCap=ks=$),h!=bs&&_.setLineDash(bs=h)}function Zo(i,c,h,$){c!=zn&&(_.fillStyle=zn=c),i!=Ss&&(_.font=Ss=i),h!=Ts&&(_.textAlign=Ts=h),$!=xs&&(_.textBaseline=xs=$)}function Cs(i,c,h,$,g=0){if($.length>0&&i.auto(l,dl)&&(c==null||c.min==null)){let v=ie(Ge,0),T=ie(Be,$.length-1),C=h.min==null?vf($,v,T,g,i.distr==3):[h.min,h.max];i.min=Ot(i.min,h.min=C[0]),i.max=it(i.max,h.max=C[1])}}const Qo={min:null,max:null};function cc(){for(let $ in x){let g=x[$];z[$]==null&&(g.min==null||z[L]!=null&&g.auto(l,dl))&&(z[$]=Qo)}for(let $ in x){let g=x[$];z[$]==null&&g.from!=null&&z[g.from]!=null&&(z[$]=Qo)}z[L]!=null&&Un(!0);let i={};for(let $ in z){let g=z[$];if(g!=null){let v=i[$]=ol(x[$],Mf);if(g.min!=null)Oe(v,g);else if($!=L||s==2)if(Ze==0&&v.from==null){let T=v.range(l,null,null,$);v.min=T[0],v.max=T[1]}else v.min=he,v.max=-he}}if(Ze>0){k.forEach(($,g)=>{if(s==1){let v=$.scale,T=z[v];if(T==null)return;let C=i[v];if(g==0){let A=C.range(l,C.min,C.max,v);C.min=A[0],C.max=A[1],Ge=Lt(C.min,t[0]),Be=Lt(C.max,t[0]),Be-Ge>1&&(t[0][Ge]<C.min&&Ge++,t[0][Be]>C.max&&Be--),$.min=Mt[Ge],$.max=Mt[Be]}else $.show&&$.auto&&Cs(C,T,$,t[g],$.sorted);$.idxs[0]=Ge,$.idxs[1]=Be}else if(g>0&&$.show&&$.auto){let[v,T]=$.facets,C=v.scale,A=T.scale,[D,O]=t[g],F=i[C],J=i[A];F!=null&&Cs(F,z[C],v,D,v.sorted),J!=null&&Cs(J,z[A],T,O,T.sorted),$.min=T.min,$.max=T.max}});for(let $ in i){let g=i[$],v=z[$];if(g.from==null&&(v==null||v.min==null)){let T=g.range(l,g.min==he?null:g.min,g.max==-he?null:g.max,$);g.min=T[0],g.max=T[1]}}}for(let $ in i){let g=i[$];if(g.from!=null){let v=i[g.from];if(v.min==null)g.min=g.max=null;else{let T=g.range(l,v.min,v.max,$);g.min=T[0],g.max=T[1]}}}let c={},h=!1;for(let $ in i){let g=i[$],v=x[$];if(v.min!=g.min||v.max!=g.max){v.min=g.min,v.max=g.max;let T=v.distr;v._min=T==3?Xt(v.min):T==4?Bs(v.min,v.asinh):T==100?v.fwd(v.min):v.min,v._max=T==3?Xt(v.max):T==4?Bs(v.max,v.asinh):T==100?v.fwd(v.max):v.max,c[$]=h=!0}}if(h){k.forEach(($,g)=>{s==2?g>0&&c.y&&($._paths=null):c[$.scale]&&($._paths=null)});for(let $ in c)Hn=!0,Ke("setScale",$);tt&&j.left>=0&&(vn=bt=!0)}for(let $ in z)z[$]=null}function uc(i){let c=$o(Ge-1,0,Ze-1),h=$o(Be+1,0,Ze-1);for(;i[c]==null&&c>0;)c--;for(;i[h]==null&&h<Ze-1;)h++;return[c,h]}function fc(){if(Ze>0){let i=k.some(c=>c._focus)&&ct!=It.alpha;i&&(_.globalAlpha=ct=It.alpha),k.forEach((c,h)=>{if(h>0&&c.show&&(Xo(h,!1),Xo(h,!0),c._paths==null)){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha);let g=s==2?[0,t[h][0].length-1]:uc(t[h]);c._paths=c.paths(l,h,g[0],g[1]),ct!=$&&(_.globalAlpha=ct=$)}}),k.forEach((c,h)=>{if(h>0&&c.show){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha),c._paths!=null&&ei(h,!1);{let g=c._paths!=null?c._paths.gaps:null,v=c.points.show(l,h,Ge,Be,g),T=c.points.filter(l,h,v,g);(v||T)&&(c.points._paths=c.points.paths(l,h,Ge,Be,T),ei(h,!0))}ct!=$&&(_.globalAlpha=ct=$),Ke("drawSeries",h)}}),i&&(_.globalAlpha=ct=1)}}function Xo(i,c){let h=c?k[i].points:k[i];h._stroke=h.stroke(l,i),h._fill=h.fill(l,i)}function ei(i,c){let h=c?k[i].points:k[i],{stroke:$,fill:g,clip:v,flags:T,_stroke:C=h._stroke,_fill:A=h._fill,_width:D=h.width}=h._paths;D=pe(D*ae,3);let O=null,F=D%2/2;c&&A==null&&(A=D>0?"#fff":C);let J=h.pxAlign==1&&F>0;if(J&&_.translate(F,F),!c){let re=ft-D/2,oe=vt-D/2,ee=at+D,B=Et+D;O=new Path2D,O.rect(re,oe,ee,B)}c?Es(C,D,h.dash,h.cap,A,$,g,T,v):dc(i,C,D,h.dash,h.cap,A,$,g,T,O,v),J&&_.translate(-F,-F)}function dc(i,c,h,$,g,v,T,C,A,D,O){let F=!1;A!=0&&q.forEach((J,re)=>{if(J.series[0]==i){let oe=k[J.series[1]],ee=t[J.series[1]],B=(oe._paths||xl).band;fn(B)&&(B=J.dir==1?B[0]:B[1]);let V,ve=null;oe.show&&B&&wf(ee,Ge,Be)?(ve=J.fill(l,re)||v,V=oe._paths.clip):B=null,Es(c,h,$,g,ve,T,C,A,D,O,V,B),F=!0}}),F||Es(c,h,$,g,v,T,C,A,D,O)}const ti=il|go;function Es(i,c,h,$,g,v,T,C,A,D,O,F){Jo(i,c,h,$,g),(A||D||F)&&(_.save(),A&&_.clip(A),D&&_.clip(D)),F?(C&ti)==ti?(_.clip(F),O&&_.clip(O),Rl(g,T),Ol(i,v,c)):C&go?(Rl(g,T),_.clip(F),Ol(i,v,c)):C&il&&(_.save(),_.clip(F),O&&_.clip(O),Rl(g,T),_.restore(),Ol(i,v,c)):(Rl(g,T),Ol(i,v,c)),(A||D||F)&&_.restore()}function Ol(i,c,h){h>0&&(c instanceof Map?c.forEach(($,g)=>{_.strokeStyle=Nl=g,_.stroke($)}):c!=null&&i&&_.stroke(c))}function Rl(i,c){c instanceof Map?c.forEach((h,$)=>{_.fillStyle=zn=$,_.fill(h)}):c!=null&&i&&_.fill(c)}function hc(i,c,h,$){let g=P[i],v;if($<=0)v=[0,0];else{let T=g._space=g.space(l,i,c,h,$),C=g._incrs=g.incrs(l,i,c,h,$,T);v=zd(c,h,C,$,T)}return g._found=v}function Ms(i,c,h,$,g,v,T,C,A,D){let O=T%2/2;b==1&&_.translate(O,O),Jo(C,T,A,D,C),_.beginPath();let F,J,re,oe,ee=g+($==0||$==3?-v:v);h==0?(J=g,oe=ee):(F=g,re=ee);for(let B=0;B<i.length;B++)c[B]!=null&&(h==0?F=re=i[B]:J=oe=i[B],_.moveTo(F,J),_.lineTo(re,oe));_.stroke(),b==1&&_.translate(-O,-O)}function pc(i){let c=!0;return P.forEach((h,$)=>{if(!h.show)return;let g=x[h.scale];if(g.min==null){h._show&&(c=!1,h._show=!1,Un(!1));return}else h._show||(c=!1,h._show=!0,Un(!1));let v=h.side,T=v%2,{min:C,max:A}=g,[D,O]=hc($,C,A,T==0?Q:R);if(O==0)return;let F=g.distr==2,J=h._splits=h.splits(l,$,C,A,D,O,F),re=g.distr==2?J.map(V=>Mt[V]):J,oe=g.distr==2?Mt[J[1]]-Mt[J[0]]:D,ee=h._values=h.values(l,h.filter(l,re,$,O,oe),$,O,oe);h._rotate=v==2?h.rotate(l,ee,$,O):0;let B=h._size;h._size=xt(h.size(l,ee,$,i)),B!=null&&h._size!=B&&(c=!1)}),c}function $c(i){let c=!0;return qo.forEach((h,$)=>{let g=h(l,$,wn,i);g!=sn[$]&&(c=!1),sn[$]=g}),c}function mc(){for(let i=0;i<P.length;i++){let c=P[i];if(!c.show||!c._show)continue;let h=c.side,$=h%2,g,v,T=c.stroke(l,i),C=h==0||h==3?-1:1,[A,D]=c._found;if(c.label!=null){let st=c.labelGap*C,pt=We((c._lpos+st)*ae);Zo(c.labelFont[0],T,"center",h==2?gl:Gi),_.save(),$==1?(g=v=0,_.translate(pt,We(vt+Et/2)),_.rotate((h==3?-Jl:Jl)/2)):(g=We(ft+at/2),v=pt);let Tn=da(c.label)?c.label(l,i,A,D):c.label;_.fillText(Tn,g,v),_.restore()}if(D==0)continue;let O=x[c.scale],F=$==0?at:Et,J=$==0?ft:vt,re=c._splits,oe=O.distr==2?re.map(st=>Mt[st]):re,ee=O.distr==2?Mt[re[1]]-Mt[re[0]]:A,B=c.ticks,V=c.border,ve=B.show?B.size:0,Ee=We(ve*ae),Je=We((c.alignTo==2?c._size-ve-c.gap:c.gap)*ae),de=c._rotate*-Jl/180,Me=w(c._pos*ae),dt=(Ee+Je)*C,lt=Me+dt;v=$==0?lt:0,g=$==1?lt:0;let kt=c.font[0],At=c.align==1?Xn:c.align==2?zs:de>0?Xn:de<0?zs:$==0?"center":h==3?zs:Xn,Wt=de||$==1?"middle":h==2?gl:Gi;Zo(kt,T,At,Wt);let ht=c.font[1]*c.lineGap,St=re.map(st=>w(a(st,O,F,J))),Pt=c._values;for(let st=0;st<Pt.length;st++){let pt=Pt[st];if(pt!=null){$==0?g=St[st]:v=St[st],pt=""+pt;let Tn=pt.indexOf(`
`)==-1?[pt]:pt.split(/\n/gm);for(let ot=0;ot<Tn.length;ot++){let vi=Tn[ot];de?(_.save(),_.translate(g,v+ot*ht),_.rotate(de),_.fillText(vi,0,0),_.restore()):_.fillText(vi,g,v+ot*ht)}}}B.show&&Ms(St,B.filter(l,oe,i,D,ee),$,h,Me,Ee,pe(B.width*ae,3),B.stroke(l,i),B.dash,B.cap);let zt=c.grid;zt.show&&Ms(St,zt.filter(l,oe,i,D,ee),$,$==0?2:1,$==0?vt:ft,$==0?Et:at,pe(zt.width*ae,3),zt.stroke(l,i),zt.dash,zt.cap),V.show&&Ms([Me],[1],$==0?1:0,$==0?1:2,$==1?vt:ft,$==1?Et:at,pe(V.width*ae,3),V.stroke(l,i),V.dash,V.cap)}Ke("drawAxes")}function Un(i){k.forEach((c,h)=>{h>0&&(c._paths=null,i&&(s==1?(c.min=null,c.max=null):c.facets.forEach($=>{$.min=null,$.max=null})))})}let Fl=!1,As=!1,hl=[];function _c(){As=!1;for(let i=0;i<hl.length;i++)Ke(...hl[i]);hl.length=0}function Gn(){Fl||(Rf(ni),Fl=!0)}function gc(i,c=!1){Fl=!0,As=c,i(l),ni(),c&&hl.length>0&&queueMicrotask(_c)}l.batch=gc;function ni(){if(_s&&(cc(),_s=!1),Hn&&(nc(),Hn=!1),Pl){if(be(y,Xn,me),be(y,gl,Ve),be(y,vl,Q),be(y,bl,R),be(S,Xn,me),be(S,gl,Ve),be(S,vl,Q),be(S,bl,R),be(m,vl,Jt),be(m,bl,_n),p.width=We(Jt*ae),p.height=We(_n*ae),P.forEach(({_el:i,_show:c,_size:h,_pos:$,side:g})=>{if(i!=null)if(c){let v=g===3||g===0?h:0,T=g%2==1;be(i,T?"left":"top",$-v),be(i,T?"width":"height",h),be(i,T?"top":"left",T?Ve:me),be(i,T?"height":"width",T?R:Q),ho(i,En)}else $t(i,En)}),Nl=zn=vs=ws=ks=Ss=Ts=xs=bs=null,ct=1,ml(!0),me!=Fn||Ve!=gn||Q!=Ht||R!=yn){Un(!1);let i=Q/Ht,c=R/yn;if(tt&&!vn&&j.left>=0){j.left*=i,j.top*=c,Bn&&Ut(Bn,We(j.left),0,Q,R),Yn&&Ut(Yn,0,We(j.top),Q,R);for(let h=0;h<wt.length;h++){let $=wt[h];$!=null&&(Vn[h]*=i,Wn[h]*=c,Ut($,xt(Vn[h]),xt(Wn[h]),Q,R))}}if(ye.show&&!Dl&&ye.left>=0&&ye.width>0){ye.left*=i,ye.width*=i,ye.top*=c,ye.height*=c;for(let h in Rs)be(Jn,h,ye[h])}Fn=me,gn=Ve,Ht=Q,yn=R}Ke("setSize"),Pl=!1}Jt>0&&_n>0&&(_.clearRect(0,0,p.width,p.height),Ke("drawClear"),U.forEach(i=>i()),Ke("draw")),ye.show&&Dl&&(Hl(ye),Dl=!1),tt&&vn&&(Sn(null,!0,!1),vn=!1),X.show&&X.live&&bt&&(Ns(),bt=!1),u||(u=!0,l.status=1,Ke("ready")),dl=!1,Fl=!1}l.redraw=(i,c)=>{Hn=c||!1,i!==!1?rn(L,M.min,M.max):Gn()};function Ps(i,c){let h=x[i];if(h.from==null){if(Ze==0){let $=h.range(l,c.min,c.max,i);c.min=$[0],c.max=$[1]}if(c.min>c.max){let $=c.min;c.min=c.max,c.max=$}if(Ze>1&&c.min!=null&&c.max!=null&&c.max-c.min<1e-16)return;i==L&&h.distr==2&&Ze>0&&(c.min=Lt(c.min,t[0]),c.max=Lt(c.max,t[0]),c.min==c.max&&c.max++),z[i]=c,_s=!0,Gn()}}l.setScale=Ps;let Ds,Ls,Bn,Yn,li,si,qn,Kn,oi,ii,ge,Te,on=!1;const Qe=j.drag;let Ye=Qe.x,qe=Qe.y;tt&&(j.x&&(Ds=Tt(of,S)),j.y&&(Ls=Tt(rf,S)),M.ori==0?(Bn=Ds,Yn=Ls):(Bn=Ls,Yn=Ds),ge=j.left,Te=j.top);const ye=l.select=Oe({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),Jn=ye.show?Tt(sf,ye.over?S:y):null;function Hl(i,c){if(ye.show){for(let h in i)ye[h]=i[h],h in Rs&&be(Jn,h,i[h]);c!==!1&&Ke("setSelect")}}l.setSelect=Hl;function yc(i){if(k[i].show)je&&ho(Ce[i],En);else if(je&&$t(Ce[i],En),tt){let h=jn?wt[0]:wt[i];h!=null&&Ut(h,-10,-10,Q,R)}}function rn(i,c,h){Ps(i,{min:c,max:h})}function jt(i,c,h,$){c.focus!=null&&Sc(i),c.show!=null&&k.forEach((g,v)=>{v>0&&(i==v||i==null)&&(g.show=c.show,yc(v),s==2?(rn(g.facets[0].scale,null,null),rn(g.facets[1].scale,null,null)):rn(g.scale,null,null),Gn())}),h!==!1&&Ke("setSeries",i,c),$&&_l("setSeries",l,i,c)}l.setSeries=jt;function vc(i,c){Oe(q[i],c)}function bc(i,c){i.fill=te(i.fill||null),i.dir=ie(i.dir,-1),c=c??q.length,q.splice(c,0,i)}function wc(i){i==null?q.length=0:q.splice(i,1)}l.addBand=bc,l.setBand=vc,l.delBand=wc;function kc(i,c){k[i].alpha=c,tt&&wt[i]!=null&&(wt[i].style.opacity=c),je&&Ce[i]&&(Ce[i].style.opacity=c)}let Zt,an,kn;const Zn={focus:!0};function Sc(i){if(i!=kn){let c=i==null,h=It.alpha!=1;k.forEach(($,g)=>{if(s==1||g>0){let v=c||g==0||g==i;$._focus=c?null:v,h&&kc(g,v?1:It.alpha)}}),kn=i,h&&Gn()}}je&&In&&nt(Ki,ce,i=>{j._lock||(bn(i),kn!=null&&jt(null,Zn,!0,Ne.setSeries))});function Vt(i,c,h){let $=x[c];h&&(i=i/ae-($.ori==1?Ve:me));let g=Q;$.ori==1&&(g=R,i=g-i),$.dir==-1&&(i=g-i);let v=$._min,T=$._max,C=i/g,A=v+(T-v)*C,D=$.distr;return D==3?ll(10,A):D==4?Sf(A,$.asinh):D==100?$.bwd(A):A}function Tc(i,c){let h=Vt(i,L,c);return Lt(h,t[0],Ge,Be)}l.valToIdx=i=>Lt(i,t[0]),l.posToIdx=Tc,l.posToVal=Vt,l.valToPos=(i,c,h)=>x[c].ori==0?o(i,x[c],h?at:Q,h?ft:0):r(i,x[c],h?Et:R,h?vt:0),l.setCursor=(i,c,h)=>{ge=i.left,Te=i.top,Sn(null,c,h)};function ri(i,c){be(Jn,Xn,ye.left=i),be(Jn,vl,ye.width=c)}function ai(i,c){be(Jn,gl,ye.top=i),be(Jn,bl,ye.height=c)}let pl=M.ori==0?ri:ai,$l=M.ori==1?ri:ai;function xc(){if(je&&X.live)for(let i=s==2?1:0;i<k.length;i++){if(i==0&&yt)continue;let c=X.values[i],h=0;for(let $ in c)Ft[i][h++].firstChild.nodeValue=c[$]}}function Ns(i,c){if(i!=null&&(i.idxs?i.idxs.forEach((h,$)=>{fe[$]=h}):Ef(i.idx)||fe.fill(i.idx),X.idx=fe[0]),je&&X.live){for(let h=0;h<k.length;h++)(h>0||s==1&&!yt)&&Cc(h,fe[h]);xc()}bt=!1,c!==!1&&Ke("setLegend")}l.setLegend=Ns;function Cc(i,c){let h=k[i],$=i==0&&G==2?Mt:t[i],g;yt?g=h.values(l,i,c)??ln:(g=h.value(l,c==null?null:$[c],i,c),g=g==null?ln:{_:g}),X.values[i]=g}function Sn(i,c,h){oi=ge,ii=Te,[ge,Te]=j.move(l,ge,Te),j.left=ge,j.top=Te,tt&&(Bn&&Ut(Bn,We(ge),0,Q,R),Yn&&Ut(Yn,0,We(Te),Q,R));let $,g=Ge>Be;Zt=he,an=null;let v=M.ori==0?Q:R,T=M.ori==1?Q:R;if(ge<0||Ze==0||g){$=j.idx=null;for(let C=0;C<k.length;C++){let A=wt[C];A!=null&&Ut(A,-10,-10,Q,R)}In&&jt(null,Zn,!0,i==null&&Ne.setSeries),X.live&&(fe.fill($),bt=!0)}else{let C,A,D;s==1&&(C=M.ori==0?ge:Te,A=Vt(C,L),$=j.idx=Lt(A,t[0],Ge,Be),D=N(t[0][$],M,v,0));let O=-10,F=-10,J=0,re=0,oe=!0,ee="",B="";for(let V=s==2?1:0;V<k.length;V++){let ve=k[V],Ee=fe[V],Je=Ee==null?null:s==1?t[V][Ee]:t[V][1][Ee],de=j.dataIdx(l,V,$,A),Me=de==null?null:s==1?t[V][de]:t[V][1][de];if(bt=bt||Me!=Je||de!=Ee,fe[V]=de,V>0&&ve.show){let dt=de==null?-10:de==$?D:N(s==1?t[0][de]:t[V][0][de],M,v,0),lt=Me==null?-10:K(Me,s==1?x[ve.scale]:x[ve.facets[1].scale],T,0);if(In&&Me!=null){let kt=M.ori==1?ge:Te,At=ze(It.dist(l,V,de,lt,kt));if(At<Zt){let Wt=It.bias;if(Wt!=0){let ht=Vt(kt,ve.scale),St=Me>=0?1:-1,Pt=ht>=0?1:-1;Pt==St&&(Pt==1?Wt==1?Me>=ht:Me<=ht:Wt==1?Me<=ht:Me>=ht)&&(Zt=At,an=V)}else Zt=At,an=V}}if(bt||jn){let kt,At;M.ori==0?(kt=dt,At=lt):(kt=lt,At=dt);let Wt,ht,St,Pt,zt,st,pt=!0,Tn=Xe.bbox;if(Tn!=null){pt=!1;let ot=Tn(l,V);St=ot.left,Pt=ot.top,Wt=ot.width,ht=ot.height}else St=kt,Pt=At,Wt=ht=Xe.size(l,V);if(st=Xe.fill(l,V),zt=Xe.stroke(l,V),jn)V==an&&Zt<=It.prox&&(O=St,F=Pt,J=Wt,re=ht,oe=pt,ee=st,B=zt);else{let ot=wt[V];ot!=null&&(Vn[V]=St,Wn[V]=Pt,nr(ot,Wt,ht,pt),er(ot,st,zt),Ut(ot,xt(St),xt(Pt),Q,R))}}}}if(jn){let V=It.prox,ve=kn==null?Zt<=V:Zt>V||an!=kn;if(bt||ve){let Ee=wt[0];Ee!=null&&(Vn[0]=O,Wn[0]=F,nr(Ee,J,re,oe),er(Ee,ee,B),Ut(Ee,xt(O),xt(F),Q,R))}}}if(ye.show&&on)if(i!=null){let[C,A]=Ne.scales,[D,O]=Ne.match,[F,J]=i.cursor.sync.scales,re=i.cursor.drag;if(Ye=re._x,qe=re._y,Ye||qe){let{left:oe,top:ee,width:B,height:V}=i.select,ve=i.scales[F].ori,Ee=i.posToVal,Je,de,Me,dt,lt,kt=C!=null&&D(C,F),At=A!=null&&O(A,J);kt&&Ye?(ve==0?(Je=oe,de=B):(Je=ee,de=V),Me=x[C],dt=N(Ee(Je,F),Me,v,0),lt=N(Ee(Je+de,F),Me,v,0),pl(Ot(dt,lt),ze(lt-dt))):pl(0,v),At&&qe?(ve==1?(Je=oe,de=B):(Je=ee,de=V),Me=x[A],dt=K(Ee(Je,J),Me,T,0),lt=K(Ee(Je+de,J),Me,T,0),$l(Ot(dt,lt),ze(lt-dt))):$l(0,T)}else Fs()}else{let C=ze(oi-li),A=ze(ii-si);if(M.ori==1){let J=C;C=A,A=J}Ye=Qe.x&&C>=Qe.dist,qe=Qe.y&&A>=Qe.dist;let D=Qe.uni;D!=null?Ye&&qe&&(Ye=C>=D,qe=A>=D,!Ye&&!qe&&(A>C?qe=!0:Ye=!0)):Qe.x&&Qe.y&&(Ye||qe)&&(Ye=qe=!0);let O,F;Ye&&(M.ori==0?(O=qn,F=ge):(O=Kn,F=Te),pl(Ot(O,F),ze(F-O)),qe||$l(0,T)),qe&&(M.ori==1?(O=qn,F=ge):(O=Kn,F=Te),$l(Ot(O,F),ze(F-O)),Ye||pl(0,v)),!Ye&&!qe&&(pl(0,0),$l(0,0))}if(Qe._x=Ye,Qe._y=qe,i==null){if(h){if(yi!=null){let[C,A]=Ne.scales;Ne.values[0]=C!=null?Vt(M.ori==0?ge:Te,C):null,Ne.values[1]=A!=null?Vt(M.ori==1?ge:Te,A):null}_l(Us,l,ge,Te,Q,R,$)}if(In){let C=h&&Ne.setSeries,A=It.prox;kn==null?Zt<=A&&jt(an,Zn,!0,C):Zt>A?jt(null,Zn,!0,C):an!=kn&&jt(an,Zn,!0,C)}}bt&&(X.idx=$,Ns()),c!==!1&&Ke("setCursor")}let cn=null;Object.defineProperty(l,"rect",{get(){return cn==null&&ml(!1),cn}});function ml(i=!1){i?cn=null:(cn=S.getBoundingClientRect(),Ke("syncRect",cn))}function ci(i,c,h,$,g,v,T){j._lock||on&&i!=null&&i.movementX==0&&i.movementY==0||(Os(i,c,h,$,g,v,T,!1,i!=null),i!=null?Sn(null,!0,!0):Sn(c,!0,!1))}function Os(i,c,h,$,g,v,T,C,A){if(cn==null&&ml(!1),bn(i),i!=null)h=i.clientX-cn.left,$=i.clientY-cn.top;else{if(h<0||$<0){ge=-10,Te=-10;return}let[D,O]=Ne.scales,F=c.cursor.sync,[J,re]=F.values,[oe,ee]=F.scales,[B,V]=Ne.match,ve=c.axes[0].side%2==1,Ee=M.ori==0?Q:R,Je=M.ori==1?Q:R,de=ve?v:g,Me=ve?g:v,dt=ve?$:h,lt=ve?h:$;if(oe!=null?h=B(D,oe)?a(J,x[D],Ee,0):-10:h=Ee*(dt/de),ee!=null?$=V(O,ee)?a(re,x[O],Je,0):-10:$=Je*(lt/Me),M.ori==1){let kt=h;h=$,$=kt}}A&&(c==null||c.cursor.event.type==Us)&&((h<=1||h>=Q-1)&&(h=xn(h,Q)),($<=1||$>=R-1)&&($=xn($,R))),C?(li=h,si=$,[qn,Kn]=j.move(l,h,$)):(ge=h,Te=$)}const Rs={width:0,height:0,left:0,top:0};function Fs(){Hl(Rs,!1)}let ui,fi,di,hi;function pi(i,c,h,$,g,v,T){on=!0,Ye=qe=Qe._x=Qe._y=!1,Os(i,c,h,$,g,v,T,!0,!1),i!=null&&(nt(Gs,uo,$i,!1),_l(Yi,l,qn,Kn,Q,R,null));let{left:C,top:A,width:D,height:O}=ye;ui=C,fi=A,di=D,hi=O}function $i(i,c,h,$,g,v,T){on=Qe._x=Qe._y=!1,Os(i,c,h,$,g,v,T,!1,!0);let{left:C,top:A,width:D,height:O}=ye,F=D>0||O>0,J=ui!=C||fi!=A||di!=D||hi!=O;if(F&&J&&Hl(ye),Qe.setScale&&F&&J){let re=C,oe=D,ee=A,B=O;if(M.ori==1&&(re=A,oe=O,ee=C,B=D),Ye&&rn(L,Vt(re,L),Vt(re+oe,L)),qe)for(let V in x){let ve=x[V];V!=L&&ve.from==null&&ve.min!=he&&rn(V,Vt(ee+B,V),Vt(ee,V))}Fs()}else j.lock&&(j._lock=!j._lock,Sn(c,!0,i!=null));i!=null&&(Rn(Gs,uo),_l(Gs,l,ge,Te,Q,R,null))}function Ec(i,c,h,$,g,v,T){if(j._lock)return;bn(i);let C=on;if(on){let A=!0,D=!0,O=10,F,J;M.ori==0?(F=Ye,J=qe):(F=qe,J=Ye),F&&J&&(A=ge<=O||ge>=Q-O,D=Te<=O||Te>=R-O),F&&A&&(ge=ge<qn?0:Q),J&&D&&(Te=Te<Kn?0:R),Sn(null,!0,!0),on=!1}ge=-10,Te=-10,fe.fill(null),Sn(null,!0,!0),C&&(on=C)}function mi(i,c,h,$,g,v,T){j._lock||(bn(i),ys(),Fs(),i!=null&&_l(Ji,l,ge,Te,Q,R,null))}function _i(){P.forEach(Ud),gs(l.width,l.height,!0)}Pn(es,tl,_i);const Qn={};Qn.mousedown=pi,Qn.mousemove=ci,Qn.mouseup=$i,Qn.dblclick=mi,Qn.setSeries=(i,c,h,$)=>{let g=Ne.match[2];h=g(l,c,h),h!=-1&&jt(h,$,!0,!1)},tt&&(nt(Yi,S,pi),nt(Us,S,ci),nt(qi,S,i=>{bn(i),ml(!1)}),nt(Ki,S,Ec),nt(Ji,S,mi),yo.add(l),l.syncRect=ml);const Il=l.hooks=e.hooks||{};function Ke(i,c,h){As?hl.push([i,c,h]):i in Il&&Il[i].forEach($=>{$.call(null,l,c,h)})}(e.plugins||[]).forEach(i=>{for(let c in i.hooks)Il[c]=(Il[c]||[]).concat(i.hooks[c])});const gi=(i,c,h)=>h,Ne=Oe({key:null,setSeries:!1,filters:{pub:rr,sub:rr},scales:[L,k[1]?k[1].scale:null],match:[ar,ar,gi],values:[null,null]},j.sync);Ne.match.length==2&&Ne.match.push(gi),j.sync=Ne;const yi=Ne.key,Hs=Ra(yi);function _l(i,c,h,$,g,v,T){Ne.filters.pub(i,c,h,$,g,v,T)&&Hs.pub(i,c,h,$,g,v,T)}Hs.sub(l);function Mc(i,c,h,$,g,v,T){Ne.filters.sub(i,c,h,$,g,v,T)&&Qn[i](null,c,h,$,g,v,T)}l.pub=Mc;function Ac(){Hs.unsub(l),yo.delete(l),mn.clear(),po(es,tl,_i),f.remove(),ce?.remove(),Ke("destroy")}l.destroy=Ac;function Is(){Ke("init",e,t),Ko(t||e.data,!1),z[L]?Ps(L,z[L]):ys(),Dl=ye.show&&(ye.width>0||ye.height>0),vn=bt=!0,gs(e.width,e.height)}return k.forEach(Yo),P.forEach(ac),n?n instanceof HTMLElement?(n.appendChild(f),Is()):n(l,Is):Is(),l}et.assign=Oe;et.fmtNum=Oo;et.rangeNum=ts;et.rangeLog=cs;et.rangeAsinh=Lo;et.orient=Ln;et.pxRatio=ae;et.join=Of;et.fmtDate=Fo,et.tzDate=Bf;et.sync=Ra;{et.addGap=Ed,et.clipGaps=ds;let e=et.paths={points:Wa};e.linear=Ua,e.stepped=Pd,e.bars=Dd,e.spline=Nd}const qa=180,Js=matchMedia("(prefers-color-scheme: dark)"),Zs=e=>getComputedStyle(document.documentElement).getPropertyValue(e).trim();function Gd(e,t,n){const l={stroke:Zs("--muted"),grid:{stroke:Zs("--line"),width:1},ticks:{show:!1}},s=t.map(({name:o,stroke:r,dash:a})=>({label:o,stroke:Zs(r),width:2,dash:a,spanGaps:!1,points:{size:5},value:(u,f)=>n(f)}));return{width:e,height:qa,cursor:{y:!1},scales:{y:{range:(o,r,a)=>[0,Math.max(a||0,1)*1.1]}},axes:[l,{...l,size:56}],series:[{value:(o,r)=>_t(r)},...s]}}function Ar({title:e,times:t,series:n,format:l}){const s=is(null),[o,r]=le(Js.matches);Yt(()=>{const u=f=>r(f.matches);return Js.addEventListener("change",u),()=>Js.removeEventListener("change",u)},[]),Yt(()=>{const u=s.current,f=[t,...n.map(m=>m.values)],p=new et(Gd(u.clientWidth,n,l),f,u),_=new ResizeObserver(()=>p.setSize({width:u.clientWidth,height:qa}));return _.observe(u),()=>{_.disconnect(),p.destroy()}},[t,n,o]);const a=[["from",u=>_t(t[u])],...n.map(({name:u,values:f})=>[u,p=>l(f[p]),"n"])];return d`<figure>
    <figcaption>${e}</figcaption>
    <div class="chart" ref=${s} aria-hidden="true"></div>
    <details>
      <summary>The numbers</summary>
      <${_e} caption=${e} hideCaption columns=${a} rows=${t.map((u,f)=>f)} />
    </details>
  </figure>`}const Ka={24:"24 hours",168:"7 days"},Bd={passed:"good",refused:"bad",forced:"warn"};function Yd({ready:e}){const t=[...e.refused?[`The newest bundle is not served: ${e.refused}`]:[],...e.redis==="down"?["Redis does not answer: lists rest on what is in memory."]:[],...e.draining?["The service is about to end."]:[],...e.fallback?["The last good bundle is served instead of the current one."]:[],...e.trained===!1&&e.bundle?["Nothing has been trained yet."]:[],...e.warnings||[]];return t.length?d`<div class="notice warn" role="status">
    <strong>${e.ready?"Ready, with warnings":"Not ready"}</strong>
    <ul>${t.map(n=>d`<li>${n}</li>`)}</ul>
  </div>`:d`<p class="notice good" role="status">Ready, and nothing to warn of.</p>`}function qd({bundle:e}){if(!e)return d`<${De}>No bundle is in service. Train one with <code>recfunnel train</code>.<//>`;const{ndcg:t}=e;return d`<dl class="tiles">
    <${Nt} name="Bundle" value=${d`<code>${e.version}</code>`} note=${e.dataset} />
    <${Nt} name="Age" value=${Jr(e.created)} note=${`made ${_t(e.created)}`} />
    <${Nt} name="Gate" value=${d`<${Le} kind=${Bd[e.gate]}>${e.gate||"did not run"}<//>`} />
    <${Nt}
      name="NDCG@10 in the test"
      value=${Pe(t?.mean)}
      note=${t&&`${Pe(t.low)} to ${Pe(t.high)}`}
    />
    <${Nt} name="Items that can be shown" value=${Z(e.items)} />
    <${Nt} name="Users of the bundle" value=${Z(e.users)} />
  </dl>`}function Kd({activity:e,hours:t}){const{total:n,budget_ms:l}=e,s=e.hours.reduce((f,p)=>f+p.degraded,0),o=e.hours.reduce((f,p)=>f+p.rejected,0),r=e.hours.reduce((f,p)=>f+p.events,0),a=Math.max(60,Date.now()/1e3-e.hours[0].at),u=Eo(()=>{const f=e.hours;return{times:f.map(p=>p.at),lists:[{name:"lists",stroke:"--accent",values:f.map(p=>p.lists)}],latency:[{name:"p99",stroke:"--accent",values:f.map(p=>p.p99_ms)},{name:"budget",stroke:"--bad",dash:[6,4],values:f.map(()=>l)}]}},[e]);return d`
    <dl class="tiles">
      <${Nt} name="Lists" value=${Z(n.lists)} note=${Kc(n.lists/a)} />
      <${Nt}
        name="p99 of a list"
        value=${Qt(n.p99_ms)}
        note=${`budget ${Qt(l)}, p50 ${Qt(n.p50_ms)}`}
        bad=${n.p99_ms>l}
      />
      <${Nt} name="Degraded" value=${Bt(n.lists?s/n.lists:null)} note=${`${Z(s)} lists`} />
      <${Nt} name="Rejected" value=${Z(o)} note="full, answered 503" bad=${o>0} />
      <${Nt} name="Events stored" value=${Z(r)} />
    </dl>
    ${n.lists?d`<div class="pair">
          <${Ar} title="Lists in each hour" times=${u.times} series=${u.lists} format=${Z} />
          <${Ar} title="p99 against the budget" times=${u.times} series=${u.latency} format=${Qt} />
        </div>`:d`<${De}>No list was asked for in the last ${Ka[t]}.<//>`}
    <h3>Scenes</h3>
    <${Jd} scenes=${n.scenes} />
    <h3>Degraded, by stage</h3>
    <${_e}
      caption="Lists that lack a stage's part"
      hideCaption
      empty="Every list was whole."
      rows=${n.degraded}
      columns=${[["stage",f=>f.labels[0]],["outcome",f=>f.labels[1]],["lists",f=>Z(f.n),"n"],["share",f=>d`<${Ml} share=${f.n/n.lists} kind="warn" /> ${Bt(f.n/n.lists)}`]]}
    />
  `}function Jd({scenes:e}){const t=[...new Set(e.flatMap(l=>Object.keys(l.events)))].sort(),n=(l,s)=>d`${Z(l.events[s]||0)} <span class="muted">${Bt((l.events[s]||0)/l.lists)}</span>`;return d`<${_e}
    caption="Lists by scene, and the events that name one by request_id: their number, and for each 100 lists"
    empty="No list was shown."
    rows=${e}
    columns=${[["scene",l=>l.scene||"–"],["lists",l=>Z(l.lists),"n"],["items",l=>Z(l.items),"n"],...t.map(l=>[l,s=>n(s,l),"n"])]}
  />`}function Zd({newest:e}){return d`<${_e}
    caption=${`Coverage of the newest ${Z(e.lists)} lists${e.since?`, since ${_t(e.since)}`:""}`}
    empty="No list was shown yet."
    rows=${e.scenes}
    columns=${[["scene",t=>t.scene||"–"],["lists",t=>Z(t.lists),"n"],["users",t=>Z(t.users),"n"],["different items",t=>Z(t.items),"n"],["of the catalogue",t=>d`<${Ml} share=${t.coverage} /> ${Bt(t.coverage)}`],["lists with an event",t=>Bt(t.lists?t.answered_lists/t.lists:null),"n"]]}
  />`}function Qd({overview:e,reload:t}){const[n,l]=le(24),s=He(()=>xe("/readyz",{},{accept:[503]}),[]),o=He(()=>xe("/activity",{hours:n}),[n]),r=He(()=>e.bundle?xe("/activity/scenes"):null,[e.bundle?.version]);return d`
    <div class="row">
      <button type="button" onClick=${()=>[t,s.reload,o.reload,r.reload].forEach(u=>u())}>Refresh</button>
    </div>
    <${Ie} of=${s}>${u=>d`<${Yd} ready=${u} />`}<//>
    <h2>In service</h2>
    <${qd} bundle=${e.bundle} />
    <h2>Activity</h2>
    <div class="row" role="group" aria-label="Period">
      ${Object.entries(Ka).map(([u,f])=>d`<button type="button" aria-pressed=${Number(u)===n} onClick=${()=>l(Number(u))}>
            ${f}
          </button>`)}
    </div>
    <${Ie} of=${o} what="activity">${u=>d`<${Kd} activity=${u} hours=${n} />`}<//>
    <h2>Coverage</h2>
    ${e.bundle?d`<${Ie} of=${r} what="coverage">${u=>d`<${Zd} newest=${u} />`}<//>`:d`<${De}>No bundle, no lists.<//>`}
  `}const Xd=["order","sponsored"],eh={blocked_categories:"categories",forbidden_flags:"flags",blocked_providers:"providers",provider_places:"providers",seen:"event_types",order:"policies"},dn=e=>e.replaceAll("_"," "),Ja=e=>{const t=Ae(e);return["","–","{}"].includes(t)?"none":t};function Za({children:e}){return e.replaceAll("\\|","|").replace(/\[([^\]]*)\]\([^)]*\)/g,"$1").split("`").map((n,l)=>l%2?d`<code>${n}</code>`:n)}function Qa({id:e,names:t}){return d`<datalist id=${e}>${t.map(n=>d`<option value=${n} />`)}</datalist>`}function th({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=rs(),[a,u]=le(""),f=l.items.type==="integer",p=()=>{const m=f?Number(a):a.trim();a.trim()&&!n.includes(m)&&o([...n,m]),u("")},_=m=>o(n.map((y,S)=>S===m-1?n[m]:S===m?n[m-1]:y));return d`
    ${n.length>0&&d`<ul class="chips">
      ${n.map((m,y)=>d`<li>
          ${m}
          ${Xd.includes(t)&&y>0&&d`<button type="button" aria-label=${`Move ${m} up`} onClick=${()=>_(y)}>↑</button>`}
          <button type="button" aria-label=${`Remove ${m}`} onClick=${()=>o(n.filter((S,b)=>b!==y))}>×</button>
        </li>`)}
    </ul>`}
    <span class="row">
      <input
        id=${e}
        type=${f?"number":"text"}
        min=${l.items.minimum}
        maxlength="256"
        list=${s.length?r:void 0}
        value=${a}
        placeholder=${n.length?"another":"none"}
        onInput=${m=>u(m.currentTarget.value)}
        onKeyDown=${m=>{m.key==="Enter"&&(m.preventDefault(),p())}}
      />
      <button type="button" aria-label=${`Add to ${dn(t)}`} onClick=${p}>Add</button>
    </span>
    <${Qa} id=${r} names=${s} />
  `}function Xa({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=rs(),[a,u]=le(["",""]),f=l.additionalProperties.type==="integer",p=b=>f?Number(b):b.trim(),_=()=>{const[b,w]=a;b.trim()&&w!==""&&o({...n,[b.trim()]:p(w)}),u(["",""])},m=b=>Object.fromEntries(Object.entries(n).filter(([w])=>w!==b)),y=b=>{b.key==="Enter"&&(b.preventDefault(),_())},S={type:f?"number":"text",min:l.additionalProperties.minimum,maxlength:64};return d`
    ${Object.entries(n).map(([b,w])=>d`<span class="row entry">
        <code>${b}</code>
        <input ...${S} aria-label=${`${dn(t)} of ${b}`} value=${w} onChange=${E=>o({...n,[b]:p(E.currentTarget.value)})} />
        <button type="button" aria-label=${`Remove ${b}`} onClick=${()=>o(m(b))}>×</button>
      </span>`)}
    <span class="row entry">
      <input id=${e} list=${s.length?r:void 0} maxlength="256" placeholder="name" value=${a[0]} onKeyDown=${y} onInput=${b=>u([b.currentTarget.value,a[1]])} />
      <input ...${S} aria-label=${`New value in ${dn(t)}`} value=${a[1]} onKeyDown=${y} onInput=${b=>u([a[0],b.currentTarget.value])} />
      <button type="button" aria-label=${`Add to ${dn(t)}`} onClick=${_}>Add</button>
    </span>
    <${Qa} id=${r} names=${s} />
  `}function nh(e){const{id:t,value:n,schema:l,onChange:s}=e,o=typeof n=="string",r=d`<button type="button" onClick=${()=>s(o?{default:n}:n.default||"hide")}>
    ${o?"One rule for each type of event":"One rule for all events"}
  </button>`;return o?d`<span class="row"><input id=${t} value=${n} maxlength="32" onChange=${a=>s(a.currentTarget.value)} /> ${r}</span>`:d`<${Xa} ...${e} schema=${l.anyOf[1]} names=${[...e.names,"default"]} /> ${r}`}function lh({id:e,value:t,onChange:n}){const[l,s]=le("");return d`<textarea id=${e} rows="3" onChange=${r=>{try{n(JSON.parse(r.currentTarget.value||"{}")),s("")}catch(a){s(`This is not JSON: ${a.message}`)}}}>${JSON.stringify(t,null,1)}</textarea>
    ${l&&d`<p class="notice bad" role="alert">${l}</p>`}`}function sh(e){const{id:t,name:n,schema:l,value:s,onChange:o}=e;if(l.enum)return d`<select id=${t} onChange=${a=>o(a.currentTarget.value)}>
      ${l.enum.map(a=>d`<option value=${a} selected=${a===s}>${a}</option>`)}
    </select>`;if(l.anyOf)return d`<${nh} ...${e} />`;if(l.type==="array")return d`<${th} ...${e} />`;if(l.type==="object"&&l.additionalProperties.type==="object")return d`<${lh} ...${e} />`;if(l.type==="object")return d`<${Xa} ...${e} />`;const r=l.type==="integer";return d`<input
    id=${t}
    type="number"
    required
    name=${n}
    min=${l.minimum??l.exclusiveMinimum}
    max=${l.maximum}
    step=${r?1:"any"}
    value=${s}
    onInput=${a=>a.currentTarget.value!==""&&o(Number(a.currentTarget.value))}
  />`}function oh({name:e,schema:t,names:n,own:l,inherited:s,from:o,fault:r,onChange:a}){const u=l!==void 0;return d`<div class=${`setting${u?" own":""}`}>
    <${$e} label=${dn(e)}>
      ${f=>d`<${sh} id=${f} name=${e} schema=${t} names=${n[eh[e]]||[]} value=${u?l:s} onChange=${p=>a(e,p)} />`}
    <//>
    <p class="small muted"><${Za}>${t.description}<//></p>
    ${u?d`<p class="row small">
          <${Le} kind="info">rule<//>
          <span>${o}: ${Ja(s)}</span>
          <button type="button" aria-label=${`Reset ${dn(e)}`} onClick=${()=>a(e,void 0)}>Reset</button>
        </p>`:d`<p class="small muted">as in ${o}</p>`}
    ${r&&d`<p class="notice bad" role="alert">${r}</p>`}
  </div>`}function ih({name:e,summary:t,changed:n,isFaulty:l,children:s}){const[o,r]=le(n>0);return d`<details class="card group" open=${o||l} onToggle=${a=>r(a.currentTarget.open)}>
    <summary>
      <strong>${dn(e)}</strong>${" "}
      ${n>0&&d`<${Le} kind="info">${n} ${n===1?"rule":"rules"}<//>`}
      <span class="small muted"> <${Za}>${t}<//></span>
    </summary>
    <div class="settings">${s}</div>
  </details>`}function rh({schema:e,overrides:t,inherit:n,fault:l,onChange:s}){return e.groups.map(({name:o,summary:r,settings:a})=>d`<${ih}
      key=${o}
      name=${o}
      summary=${r}
      changed=${a.filter(u=>u in t).length}
      isFaulty=${a.includes(l?.name)}
    >
      ${a.map(u=>{const[f,p]=n(u);return d`<${oh}
          key=${u}
          name=${u}
          schema=${e.properties[u]}
          names=${e.names}
          own=${t[u]}
          inherited=${f}
          from=${p}
          fault=${l?.name===u&&l.message}
          onChange=${s}
        />`})}
    <//>`)}const ms="all scenes",Pr=30;function ah(e){return[[ms,e?.policy||{}],...Object.entries(e?.scenes||{})].flatMap(([n,l])=>Object.entries(l).map(([s,o])=>[n,s,o]))}function ec(e,t){const n=o=>new Map(ah(o).map(([r,a,u])=>[JSON.stringify([r,a]),u])),[l,s]=[n(e),n(t)];return[...new Set([...l.keys(),...s.keys()])].filter(o=>JSON.stringify(l.get(o))!==JSON.stringify(s.get(o))).sort().map(o=>[...JSON.parse(o),l.get(o),s.get(o)])}const Dr=e=>e===void 0?"no rule":Ja(e),Uo=({caption:e,one:t,other:n,before:l="before",after:s="after"})=>d`<${_e}
  caption=${e}
  empty="The rules are the same."
  rows=${ec(t,n)}
  columns=${[["scene",([o])=>o],["setting",([,o])=>dn(o)],[l,([,,o])=>Dr(o),"sentence"],[s,([,,,o])=>Dr(o),"sentence"]]}
/>`;function Lr({number:e,title:t,name:n,newest:l,isDirty:s,asksAuthor:o,onDone:r}){const a=is(null),[u,f]=le(null);return d`
    <button type="button" onClick=${()=>a.current.showModal()} aria-label=${n}>${t}</button>
    <dialog ref=${a} aria-label=${n}>
      <form onSubmit=${async _=>{const{note:m,author:y=""}=nn(_);a.current.close(),f(null);try{const S={version:l,note:m,author:y};await r(await $n("POST",tn("rules","versions",e,"restore"),{body:S}))}catch(S){f(S)}}}>
        <p>${e?`Save the rules of version ${e} again, as a new version?`:"Remove all rules? The settings alone hold then."}</p>
        ${s&&d`<p class="notice warn">Your changes that are not saved will be dropped.</p>`}
        <${$e} label="Note" name="note" maxlength="500" value=${e?`version ${e} again`:"without rules"} />
        ${o&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
        <p class="row">
          <button class="main">Restore</button>
          <button type="button" onClick=${()=>a.current.close()}>Leave it</button>
        </p>
      </form>
    </dialog>
    ${u&&d`<${qt} error=${u} />`}
  `}function ch({rules:e,isDirty:t,mayChange:n,asksAuthor:l,onRestored:s}){const o=He(()=>xe("/rules/history",{limit:Pr+1}),[e.newest]),[r,a]=le(null),u={newest:e.newest,isDirty:t,asksAuthor:l,onDone:s};return d`<section aria-label="History">
    <h2>History</h2>
    <${Ie} of=${o} what="history">
      ${({versions:f})=>{if(!f.length)return d`<${De}>No rules were ever saved: the settings alone hold.<//>`;const p=f.findIndex(w=>w.version===r),[{version:_},m]=f,y=w=>w===1,S=p>=0&&(f[p+1]||y(r)),b=`Undo version ${_}`;return d`
          ${n&&(m||y(_))&&d`<p><${Lr} number=${m?.version||0} title=${b} name=${b} ...${u} /></p>`}
          <${_e}
            caption="Versions, newest first"
            hideCaption
            rows=${f.slice(0,Pr)}
            columns=${[["version",w=>`${w.version}${w.version===e.version?" (in force)":""}`],["saved",w=>_t(w.at),"when"],["by",w=>Ae(w.author)],["note",w=>`${Ae(w.note)}${w.restored===null?"":` (restored ${w.restored})`}`,"sentence"],["",w=>d`<span class="row">
                  <button type="button" aria-pressed=${w.version===r} aria-label=${`What version ${w.version} changed`} onClick=${()=>a(w.version===r?null:w.version)}>
                    What changed
                  </button>
                  ${n&&w.version!==e.newest&&d`<${Lr} number=${w.version} title="Restore" name=${`Restore version ${w.version}`} ...${u} />`}
                </span>`]]}
          />
          ${p>=0&&!S&&d`<${De}>The version before version ${r} is not stored any more, so that nothing can be compared.<//>`}
          ${S&&d`<${Uo} caption=${`What version ${r} changed`} one=${f[p+1]?.rules} other=${f[p].rules} />`}
        `}}
    <//>
  </section>`}const uh=3;function fh({item:e,position:t,isAfter:n}){if(e.other===null)return d`<${Le} kind=${n?"good":"bad"}>${n?"enters":"leaves"}<//>`;if(!n||e.other===t)return null;const l=e.other-t;return d`<${Le}>${l>0?`↑ ${l}`:`↓ ${-l}`}<//>`}function Nr({title:e,items:t,isAfter:n}){return d`<section aria-label=${e}>
    <h4>${e}</h4>
    ${t.length?d`<ol class="plain">
          ${t.map((l,s)=>d`<li>
              <a href=${Rt("items",{id:l.item_id})}>${l.title||l.item_id}</a>
              ${l.slot!=="organic"&&d` <${Le} kind="info">${l.slot}<//>`}${" "}
              <${fh} item=${l} position=${s+1} isAfter=${n} />
              ${l.reason&&d`<p class="small muted">${n?"not before":"not after"}: ${l.reason}</p>`}
            </li>`)}
        </ol>`:d`<${De}>No item may be shown.<//>`}
  </section>`}function dh({user:e,isOpen:t}){const n=e.user_id||"a new user";return d`<details class="card group" open=${t}>
    <summary><strong>${n}</strong> <${Le} kind=${e.is_changed?"warn":""}>${e.is_changed?"another list":"the same list"}<//></summary>
    ${e.degraded.length>0&&d`<p class="notice warn">These stages failed, so the lists may differ for that reason too: ${e.degraded.join(", ")}</p>`}
    <div class="columns">
      <${Nr} title=${`${n}, before`} items=${e.before} />
      <${Nr} title=${`${n}, after`} items=${e.after} isAfter />
    </div>
  </details>`}function hh({result:e}){const t=e.users.filter(l=>l.is_changed),n=e.users.filter(l=>!l.is_changed);return d`
    ${e.notes.map(l=>d`<p class="notice warn">${l}</p>`)}
    <p role="status">
      ${t.length?`${Z(t.length)} of ${Z(e.users.length)} users get another list: ${Z(e.entered)} items enter, ${Z(e.left)} leave.`:`Nothing changes for these ${Z(e.users.length)} users.`}
    </p>
    ${[...t,...n].map((l,s)=>d`<${dh} key=${l.user_id} user=${l} isOpen=${s<uh&&l.is_changed} />`)}
  `}function ph({rules:e,scene:t,onFault:n}){const[l,s]=le({busy:!1,error:null,result:null,of:""}),[o,r]=le("10"),a=JSON.stringify([e,t]);return d`<section aria-label="Preview">
    <h2>Preview in the scene ${t}</h2>
    <form class="controls" onSubmit=${async f=>{const{users:p}=nn(f);s({busy:!0,error:null,result:null,of:a});const _=p.split(",").map(m=>m.trim()).filter(Boolean);try{const m=await $n("POST","/rules/preview",{body:{rules:e,scene:t,k:Number(o),users:_}});s({busy:!1,error:null,result:m,of:a})}catch(m){n(m),s({busy:!1,error:m,result:null,of:a})}}}>
      <${$e} label="Items" name="k" type="number" min="1" max="20" value=${o} onInput=${f=>r(f.currentTarget.value)} required />
      <${$e} label="Users" name="users" placeholder="20 of the data" maxlength="2000" hint="with commas, at most 20" />
      <button class="main" disabled=${l.busy}>${l.busy?"Computing…":"Show lists before and after"}</button>
    </form>
    ${l.busy&&d`<p class="muted" role="status">Computing lists…</p>`}
    ${l.error&&d`<${qt} error=${l.error} />`}
    ${l.result&&l.of!==a&&d`<p class="notice warn">The rules or the scene have changed since: this is the preview of before.</p>`}
    ${l.result&&d`<${hh} result=${l.result} />`}
  </section>`}const Or="admin",Qs="home",Bl={draft:null,data:null},$h=(e,t)=>ec(e,t).length===0&&bo(e).join()===bo(t).join(),bo=e=>Object.keys(e.scenes||{}).sort();function mh(e,t,n,l){const s={...t?e.scenes?.[t]:e.policy};return l===void 0?delete s[n]:s[n]=l,t?{...e,scenes:{...e.scenes,[t]:s}}:{...e,policy:s}}function _h(e,t){return t?{...e,scenes:Object.fromEntries(Object.entries(e.scenes||{}).filter(([n])=>n!==t))}:{...e,policy:{}}}const gh=(e,t,n)=>l=>{const s=n&&e.settings.scenes?.[n];return s&&l in s?[s[l],"the settings of the scene"]:n&&t.policy&&l in t.policy?[t.policy[l],`the rules of ${ms}`]:[e.settings.policy[l],"the settings"]};function yh(e,t){const n=t?`rules.scenes.${t}.`:"rules.policy.";return e?.field?.startsWith(n)?{name:e.field.slice(n.length).split(".")[0],message:e.message}:null}function vh({names:e,chosen:t,rules:n,isNew:l,mayChange:s,onAdd:o}){const r=a=>{const u=nn(a).scene.trim();u&&o(u)};return d`<div>
    <h2>Scenes</h2>
    <ul class="scenes">
      ${["",...e].map(a=>{const u=Object.keys((a?n.scenes?.[a]:n.policy)||{}).length;return d`<li>
          <a href=${Rt("rules",{scene:a})} aria-current=${a===t?"true":void 0}>${a||ms}</a>
          ${u>0&&d` <${Le} kind="info">${u} ${u===1?"rule":"rules"}<//>`}
          ${l(a)&&d` <${Le}>new<//>`}
        </li>`})}
    </ul>
    ${s&&d`<form class="controls" onSubmit=${r}>
      <${$e} label="Another scene" name="scene" maxlength="64" required />
      <button>Add the scene</button>
    </form>`}
  </div>`}const bh=({newest:e,version:t,author:n,note:l})=>e===t?`Version ${t} was saved meanwhile by ${n||"nobody named"}${l?` (${l})`:""}.`:`Version ${e} was saved meanwhile.`;function wh({message:e,draft:t,onTheirs:n,onMine:l}){const s=He(()=>xe("/rules"),[]);return d`<div class="notice bad" role="alert">
    <strong>Somebody else has saved rules meanwhile</strong>
    <p>${e}</p>
    <${Ie} of=${s} what="rules">
      ${o=>d`
        <${Uo} caption="What differs" one=${o.rules} other=${t} before="theirs" after="yours" />
        <p class="row">
          <button type="button" onClick=${()=>n(o)}>Take theirs, drop mine</button>
          <button type="button" onClick=${()=>l(o)}>Keep mine, to save over theirs</button>
        </p>
      `}
    <//>
  </div>`}function kh({data:e,latest:t,draft:n,asksAuthor:l,onSaved:s,onDiscard:o,onFault:r,onData:a}){const[u,f]=le({busy:!1,error:null}),p=async S=>{const{note:b,author:w=""}=nn(S);f({busy:!0,error:null}),r(null);try{const E=await $n("PUT","/rules",{body:{version:e.newest,rules:n,note:b,author:w}});f({busy:!1,error:null}),s(E)}catch(E){r(E),f({busy:!1,error:E})}},_=(S,b)=>{f({busy:!1,error:null}),a(S,b)},m=u.error?.status===409,y=m?u.error.message:t.newest!==e.newest&&bh(t);return d`<section aria-label="Save" class="card">
    <h2>Changes that are not saved</h2>
    <${Uo} caption="Changes" one=${e.rules} other=${n} before="saved" after="changed" />
    ${y?d`<${wh} message=${y} draft=${n} onTheirs=${S=>_(S,S.rules)} onMine=${S=>_(S,n)} />`:d`<form class="controls" onSubmit=${p}>
          <${$e} label="Note" name="note" maxlength="500" placeholder="what it is for" />
          ${l&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
          <button class="main" disabled=${u.busy}>Save as version ${e.newest+1}</button>
          <button type="button" onClick=${o}>Discard the changes</button>
        </form>`}
    ${u.error&&!m&&d`<${qt} error=${u.error} />`}
  </section>`}function Sh({data:e}){return d`
    ${e.refused&&d`<p class="notice bad">${e.refused}</p>`}
    ${!e.is_known&&d`<p class="notice warn">The rules are not known, because Redis has not answered since the start. The settings alone are in force.</p>`}
    <p class="muted">
      ${e.version?d`Version ${e.version} is in force, saved by ${e.author||"nobody named"} at ${_t(e.at)}${e.note&&`: ${e.note}`}.`:"No rules were ever saved: the settings alone are in force."}
    </p>
  `}function Th({loaded:e,schema:t,scene:n,overview:l,reload:s}){const o=l.roles.includes(Or),r=!l.key,[a,u]=le(()=>Bl.data||e),[f,p]=le(e),[_,m]=le(()=>Bl.draft||e.rules),[y,S]=le(null),[b,w]=le(null),E=!$h(a.rules,_);Yt(()=>{if(Bl.draft=E?_:null,Bl.data=E?a:null,!E)return;const H=I=>I.preventDefault();return addEventListener("beforeunload",H),()=>removeEventListener("beforeunload",H)},[E,_,a]);const k=Object.keys(a.settings.scenes||{}),P=[...new Set([Qs,...k,...bo(_),...n?[n]:[]])].sort(),x=(n?_.scenes?.[n]:_.policy)||{},q=(H,I)=>{S(null),w(null),m(mh(_,n,H,I))},L=(H,I)=>{u(H),p(H),m(I),S(null)},Y=({notes:H,...I},M)=>{w({...I,notes:H}),L({...a,...I,newest:I.version,refused:null,rules:M},M),s()},U=async H=>Y(H,(await xe("/rules")).rules);return d`
    <${Sh} data=${f} />
    ${!o&&d`<${De}>Changes need a key with the role ${Or}.<//>`}
    ${b&&d`<div class="notice good" role="status">
      <p>Version ${b.version} is saved. Every worker has it: it holds for the next list.</p>
      ${b.notes.map(H=>d`<p>${H}</p>`)}
    </div>`}
    <div class="rules">
      <${vh}
        names=${P}
        chosen=${n}
        rules=${_}
        isNew=${H=>H&&H!==Qs&&!k.includes(H)}
        mayChange=${o}
        onAdd=${H=>{P.includes(H)||m({..._,scenes:{..._.scenes,[H]:{}}}),Mo("rules",{scene:H})}}
      />
      <div>
        <h2>${n?`Rules of the scene ${n}`:`Rules of ${ms}`}</h2>
        ${o&&(Object.keys(x).length>0||n&&_.scenes?.[n])&&d`<p><button type="button" onClick=${()=>m(_h(_,n))}>${n?"Remove the rules of this scene":"Reset all of these"}</button></p>`}
        <fieldset disabled=${!o} aria-label="Settings">
          <${rh} key=${n} schema=${t} overrides=${x} inherit=${gh(a,_,n)} fault=${yh(y,n)} onChange=${q} />
        </fieldset>
      </div>
    </div>
    ${o&&E&&d`<${kh} data=${a} latest=${f} draft=${_} asksAuthor=${r} onSaved=${H=>Y(H,_)} onDiscard=${()=>L(f,f.rules)} onFault=${S} onData=${L} />`}
    ${o&&d`<${ph} rules=${_} scene=${n||Qs} onFault=${S} />`}
    <${ch} rules=${f} isDirty=${E} mayChange=${o} asksAuthor=${r} onRestored=${U} />
  `}function xh({overview:e,options:t,reload:n}){const l=He(()=>Promise.all([xe("/rules"),xe("/rules/schema")]),[]);return d`<${Ie} of=${l} what="rules">
    ${([s,o])=>d`<${Th} loaded=${s} schema=${o} scene=${t.scene||""} overview=${e} reload=${n} />`}
  <//>`}const Xs={overview:["Overview",Qd],try:["Try a user",Ru],funnel:["Funnel",Vu],items:["Items",qu],rules:["Rules",xh],bundles:["Bundles",ru],data:["Data",xu]};function Ch({error:e,onKey:t}){return d`<form
    class="card narrow"
    onSubmit=${n=>{qr(nn(n).key.trim()),t()}}
  >
    <h2>This service needs an API key</h2>
    ${io()&&d`<p class="notice bad" role="alert">${e.message}</p>`}
    <p>It stays in this tab until you close it, and is sent to this service only.</p>
    <${$e} label="API key" name="key" type="password" required autocomplete="off" maxlength="256" />
    <button class="main">Open the console</button>
  </form>`}function Eh({overview:e,onKey:t}){if(!e)return null;if(!e.key)return d`<p class="key muted">no keys: this machine only</p>`;const n=()=>{qr(""),t()};return d`<p class="key">
    <span title=${e.roles.join(", ")}>${e.key} (${e.roles.join(", ")})</span>
    <button type="button" onClick=${n}>Forget the key</button>
  </p>`}function Mh(){const{page:e,options:t}=au(),n=He(()=>xe("/overview"),[]),l=is(null),[s,o]=le(!0),[r,a]=Xs[e]||Xs.overview;return Yt(()=>{document.title=`${r} · recfunnel`,s?o(!1):l.current?.focus()},[r]),d`
    <a class="skip" href="#content" onClick=${u=>{u.preventDefault(),l.current?.focus()}}>Skip to the page</a>
    <header>
      <p class="name">recfunnel</p>
      <nav aria-label="Pages">
        ${Object.entries(Xs).map(([u,[f]])=>d`<a href=${`#/${u}`} aria-current=${f===r?"page":void 0}>${f}</a>`)}
      </nav>
      <${Eh} overview=${n.data} onKey=${n.reload} />
    </header>
    <main id="content">
      <h1 tabindex="-1" ref=${l}>${r}</h1>
      ${[401,403].includes(n.error?.status)?d`<${Ch} error=${n.error} onKey=${n.reload} />`:n.error?d`<${qt} error=${n.error} retry=${n.reload} />`:d`<${Ie} of=${n}>
              ${u=>d`<${a} key=${e} options=${t} overview=${u} reload=${n.reload} />`}
            <//>`}
    </main>
    <footer>
      ${n.data&&d`<span>recfunnel ${n.data.release}</span>`}
      ${n.data&&!n.data.key&&d`<a href="../docs">HTTP interface</a>`}
    </footer>
  `}Ic(d`<${Mh} />`,document.getElementById("app"));
